//! Tables of settings: what a program declares once with [`settings!`](crate::settings), and how the declared table is
//! filled from the sources.

use super::amount::Check;
use super::problem::{ConfigurationError, Origin, Problem};
use super::sources::{ENVIRONMENT_PREFIX, Found, Sources};
use super::value::{Given, Kind, SettingValue};
use std::io::Read as _;

/// A file that holds a secret is short.
const MAX_SECRET_FILE_BYTES: u64 = 64 * 1024;

/// One setting as declared: the same words make the sample, the reference and the problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDescription {
    /// The table it stands in.
    pub table: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// Its comment, one line of text each.
    pub comment: Vec<&'static str>,
    /// Its default as text; `None` where nothing or something else takes its place.
    pub default: Option<&'static str>,
    /// A value as TOML where there is no default.
    pub example: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// Whether it is never shown and has a `*_file` beside it.
    pub secret: bool,
    /// Whether the program does not start without it.
    pub required: bool,
    /// What would be right.
    pub expected: String,
}

impl SettingDescription {
    /// `table.key`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}__{}", self.table.to_uppercase(), self.key.to_uppercase())
    }

    /// The key of the file that may hold a secret instead.
    pub fn file_key(&self) -> Option<String> {
        self.secret.then(|| format!("{}_file", self.key))
    }
}

/// A table as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDescription {
    /// Its name between brackets.
    pub table: &'static str,
    /// Its comment.
    pub comment: Vec<&'static str>,
    /// Its settings in the order of declaration.
    pub settings: Vec<SettingDescription>,
    /// Whether there may be any number of them, `[[table.list]]`, in the file alone.
    pub is_list: bool,
}

impl TableDescription {
    /// How it begins in the file: `[table]`, or `[[table.list]]`.
    pub fn heading(&self) -> String {
        if self.is_list { format!("[[{}]]", self.table) } else { format!("[{}]", self.table) }
    }
}

/// Any number of tables of one kind: `[[table.list]]` in the file, `table.list` being the name that `T` is declared with.
#[derive(Debug, Clone)]
pub struct SettingsList<T>(pub Vec<T>);

impl<T: Settings> Settings for SettingsList<T> {
    fn describe() -> TableDescription {
        TableDescription { is_list: true, ..T::describe() }
    }

    fn fill(reader: &mut Reader<'_>) -> Option<Self> {
        let description = Self::describe();
        let items = reader.sources.lists.get(description.table).into_iter().flatten();
        let filled: Vec<Option<T>> = items
            .map(|item| {
                let sources = Sources { file: item.layer.clone(), ..Sources::new() };
                let mut inner = Reader { sources: &sources, problems: Vec::new(), item: Some(&item.origin) };
                inner.refuse_unknown(std::slice::from_ref(&description));
                let filled = T::fill(&mut inner);
                reader.problems.append(&mut inner.problems);
                filled
            })
            .collect();
        filled.into_iter().collect::<Option<_>>().map(Self)
    }
}

/// A struct made by [`settings!`](crate::settings).
pub trait Settings: Sized {
    /// The declaration.
    fn describe() -> TableDescription;

    /// Fills the struct; problems are left with the reader.
    fn fill(reader: &mut Reader<'_>) -> Option<Self>;
}

/// One table or several that a program loads together.
pub trait SettingsGroup: Sized {
    /// All declarations.
    fn describe_all() -> Vec<TableDescription>;

    /// Fills all tables, so that the problems of all are found.
    fn fill_all(reader: &mut Reader<'_>) -> Option<Self>;
}

impl<T: Settings> SettingsGroup for T {
    fn describe_all() -> Vec<TableDescription> {
        vec![T::describe()]
    }

    fn fill_all(reader: &mut Reader<'_>) -> Option<Self> {
        T::fill(reader)
    }
}

macro_rules! settings_group {
    ($($member:ident),+) => {
        impl<$($member: Settings),+> SettingsGroup for ($($member,)+) {
            fn describe_all() -> Vec<TableDescription> {
                vec![$($member::describe()),+]
            }

            #[expect(non_snake_case, reason = "the members are named as their types")]
            fn fill_all(reader: &mut Reader<'_>) -> Option<Self> {
                $(let $member = $member::fill(reader);)+
                Some(($($member?,)+))
            }
        }
    };
}
settings_group!(A, B);
settings_group!(A, B, C);

impl Sources {
    /// The settings of `T` (one table, or a tuple of them), or everything that is wrong.
    ///
    /// # Errors
    /// Unknown keys and variables, and values that are unusable, out of bounds or weak, all at once.
    pub fn load<T: SettingsGroup>(&self) -> Result<T, ConfigurationError> {
        let mut reader = Reader { sources: self, problems: self.problems.clone(), item: None };
        let tables = T::describe_all();
        reader.refuse_unknown(&tables);
        reader.refuse_unknown_lists(&tables);
        let loaded = T::fill_all(&mut reader);
        match loaded {
            Some(settings) if reader.problems.is_empty() => Ok(settings),
            _ => Err(ConfigurationError { problems: reader.problems }),
        }
    }
}

/// Takes settings out of the sources and collects what is wrong.
pub struct Reader<'a> {
    sources: &'a Sources,
    problems: Vec<Problem>,
    /// Where the table of a list begins that is being read.
    item: Option<&'a Origin>,
}

impl Reader<'_> {
    /// The value of one setting; `None` when a problem was noted.
    pub fn take<T: SettingValue>(&mut self, setting: &SettingDescription, checks: &[&dyn Check<T>]) -> Option<T> {
        let found = match self.find(setting) {
            Ok(found) => found,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let Found { given, origin } = match (found, setting.default) {
            (Some(found), _) => found,
            (None, Some(default)) => Found { given: Given::Text(default.to_owned()), origin: Origin::Nowhere },
            (None, None) => return self.take_absent(setting),
        };
        let checked = T::parse(&given).and_then(|value| {
            checks.iter().try_for_each(|check| check.check(&value))?;
            Ok(value)
        });
        match checked {
            Ok(value) => Some(value),
            Err(what) => {
                let message = format!("{what}; expected {}", setting.expected);
                self.problems.push(Problem { key: setting.name(), origin, message });
                None
            }
        }
    }

    fn take_absent<T: SettingValue>(&mut self, setting: &SettingDescription) -> Option<T> {
        let absent = T::absent();
        if absent.is_none() {
            let (place, origin) = match self.item {
                None => (format!("set it in the file or by {}", setting.variable()), Origin::Nowhere),
                Some(origin) => ("set it here".to_owned(), origin.clone()),
            };
            let message = format!("is required: {place}; expected {}", setting.expected);
            self.problems.push(Problem { key: setting.name(), origin, message });
        }
        absent
    }

    /// What the strongest source says, a secret's file read.
    fn find(&self, setting: &SettingDescription) -> Result<Option<Found>, Problem> {
        let key = (setting.table.to_owned(), setting.key.to_owned());
        let file_key = setting.file_key().map(|file_key| (setting.table.to_owned(), file_key));
        for layer in self.sources.layers() {
            let direct = layer.get(&key);
            let from_file = file_key.as_ref().and_then(|file_key| layer.get(file_key));
            match (direct, from_file) {
                (Some(_), Some(file)) => {
                    let message = format!("is given together with {}; give one of them", setting.key);
                    return Err(Problem {
                        key: format!("{}_file", setting.name()),
                        origin: file.origin.clone(),
                        message,
                    });
                }
                (Some(found), None) => return Ok(Some(found.clone())),
                (None, Some(file)) => return read_secret_file(setting, file).map(Some),
                (None, None) => {}
            }
        }
        Ok(None)
    }

    fn refuse_unknown(&mut self, tables: &[TableDescription]) {
        for layer in self.sources.layers() {
            for ((table, key), found) in layer {
                let Some(description) = tables.iter().find(|description| description.table == table) else { continue };
                let is_empty_list = || is_list(tables, &format!("{table}.{key}")) && found.given.is_empty_list();
                if is_known(description, key) || is_empty_list() {
                    continue;
                }
                let hint = nearest(description, key).map_or(String::new(), |near| format!("; did you mean {near}?"));
                let message = format!("there is no such setting{hint}");
                self.problems.push(Problem { key: format!("{table}.{key}"), origin: found.origin.clone(), message });
            }
        }
    }

    /// Lists in a table that is read here, of a name that nobody declared.
    fn refuse_unknown_lists(&mut self, tables: &[TableDescription]) {
        for (name, items) in &self.sources.lists {
            let parent = name.split_once('.').map_or(name.as_str(), |(parent, _)| parent);
            let is_read = tables.iter().any(|description| description.table == parent);
            if is_read && !is_list(tables, name) {
                let origin = items.first().map_or(Origin::Nowhere, |item| item.origin.clone());
                let message = "there is no such list of tables".to_owned();
                self.problems.push(Problem { key: name.clone(), origin, message });
            }
        }
    }
}

/// Whether a list of this name is declared.
fn is_list(tables: &[TableDescription], name: &str) -> bool {
    tables.iter().any(|description| description.is_list && description.table == name)
}

fn read_secret_file(setting: &SettingDescription, file: &Found) -> Result<Found, Problem> {
    let problem =
        |message: String| Problem { key: format!("{}_file", setting.name()), origin: file.origin.clone(), message };
    let path = file.given.scalar().map_err(problem)?;
    let mut text = String::new();
    let opened =
        std::fs::File::open(&path).and_then(|opened| opened.take(MAX_SECRET_FILE_BYTES + 1).read_to_string(&mut text));
    match opened {
        Ok(length) if length as u64 <= MAX_SECRET_FILE_BYTES => {
            let given = Given::Text(text.trim_end_matches(['\r', '\n']).to_owned());
            Ok(Found { given, origin: file.origin.clone() })
        }
        Ok(_) => Err(problem(format!("{path:?} is longer than {MAX_SECRET_FILE_BYTES} bytes"))),
        Err(error) => Err(problem(format!("{path:?} cannot be read: {error}"))),
    }
}

fn is_known(table: &TableDescription, key: &str) -> bool {
    table
        .settings
        .iter()
        .any(|setting| setting.key == key || setting.file_key().is_some_and(|file_key| file_key == key))
}

/// The known key that was probably meant.
fn nearest(table: &TableDescription, key: &str) -> Option<String> {
    const FAR: usize = 4;
    let keys = table.settings.iter().flat_map(|setting| [Some(setting.key.to_owned()), setting.file_key()]).flatten();
    keys.map(|known| (distance(&known, key), known))
        .filter(|(distance, _)| *distance < FAR)
        .min()
        .map(|(_, known)| known)
}

/// How many letters are to be added, removed or changed (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 0..right.len() {
            let changed = diagonal + usize::from(letter != right[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// Declares a table of settings: a struct, its description and its reader.
///
/// ```
/// shared::settings! {
///     /// The kettle.
///     pub struct KettleSettings in "auth_server" {
///         /// How hot, in degrees.
///         degrees: u32 = 96 where shared::config::between(60, 100),
///         /// Who may open the lid.
///         lid_code: Option<shared::secret::Secret>,
///     }
/// }
/// let kettle: KettleSettings = shared::config::Sources::new().load().unwrap();
/// assert_eq!(kettle.degrees, 96);
/// ```
///
/// A type says how a value is read ([`SettingValue`](crate::config::SettingValue)); a literal after `=` is the default;
/// an expression after `where` is a [`Check`](crate::config::Check). `Option<T>` without default may be absent;
/// anything else without default is required.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $table_comment:literal])*
        $visibility:vis struct $name:ident in $table:literal {
            $(
                $(#[doc = $comment:literal])*
                $key:ident : $value:ty $(= $default:literal)? $(where $check:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $table_comment])*
        #[derive(Debug, Clone)]
        $visibility struct $name {
            $(
                $(#[doc = $comment])*
                pub $key: $value,
            )*
        }

        impl $crate::config::Settings for $name {
            fn describe() -> $crate::config::TableDescription {
                $crate::config::TableDescription {
                    table: $table,
                    comment: vec![$($table_comment.trim()),*],
                    is_list: false,
                    settings: vec![$({
                        let rules: Vec<String> = vec![$($crate::config::Check::<$value>::rule(&$check))?];
                        $crate::config::SettingDescription {
                            table: $table,
                            key: stringify!($key),
                            comment: vec![$($comment.trim()),*],
                            default: [$(concat!($default))?].first().copied(),
                            example: <$value as $crate::config::SettingValue>::EXAMPLE,
                            kind: <$value as $crate::config::SettingValue>::KIND,
                            secret: <$value as $crate::config::SettingValue>::SECRET,
                            required: <$value as $crate::config::SettingValue>::absent().is_none(),
                            expected: $crate::config::with_rules(<$value as $crate::config::SettingValue>::expected(), &rules),
                        }
                    }),*],
                }
            }

            fn fill(reader: &mut $crate::config::Reader<'_>) -> Option<Self> {
                let mut settings = <Self as $crate::config::Settings>::describe().settings.into_iter();
                $(
                    let $key = settings.next().and_then(|setting| {
                        let checks: &[&dyn $crate::config::Check<$value>] = &[$(&$check)?];
                        reader.take::<$value>(&setting, checks)
                    });
                )*
                Some(Self { $($key: $key?),* })
            }
        }
    };
}

/// What is expected, with the rules of the setting's check; for [`settings!`](crate::settings).
#[doc(hidden)]
pub fn with_rules(expected: String, rules: &[String]) -> String {
    rules.iter().filter(|rule| !rule.is_empty()).fold(expected, |expected, rule| format!("{expected}, {rule}"))
}
