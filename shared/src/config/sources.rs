//! Where settings come from: flags over environment over the file, each injected, none ambient.

use super::problem::{ConfigurationError, Origin, Problem};
use super::value::Given;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// What every environment variable of ours begins with.
pub const ENVIRONMENT_PREFIX: &str = "POSTERN__";
/// The tables of the file. A program skips the tables that are not its own, and refuses any other.
pub const TABLES: [&str; 3] = ["shared", "auth_server", "resource_server"];
/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "./postern.toml";
/// Longer than any configuration.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A setting as it was found.
#[derive(Clone)]
pub(super) struct Found {
    pub given: Given,
    pub origin: Origin,
}

/// Settings of one source, by table and key.
pub(super) type Layer = BTreeMap<(String, String), Found>;

/// One table of a list of them (`[[table.list]]`): its settings, and where it begins.
#[derive(Clone)]
pub(super) struct Item {
    pub layer: Layer,
    pub origin: Origin,
}

/// All that was given, before anybody knows what is meant.
#[derive(Clone, Default)]
pub struct Sources {
    pub(super) flags: Layer,
    pub(super) environment: Layer,
    pub(super) file: Layer,
    /// Lists of tables by their name, `table.list`; only a file has them.
    pub(super) lists: BTreeMap<String, Vec<Item>>,
    pub(super) problems: Vec<Problem>,
}

impl fmt::Debug for Sources {
    /// What was given may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Sources {
    /// Nothing given: all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a program starts from: the file that `--config` names, else [`DEFAULT_FILE`] if it is there, and the
    /// environment (`std::env::vars_os()`).
    ///
    /// # Errors
    /// A named file that cannot be read, or one that is no TOML; unusable settings are found by [`Sources::load`].
    pub fn read(
        config: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigurationError> {
        let sources = Self::new().with_environment(environment);
        let path = config.unwrap_or(Path::new(DEFAULT_FILE));
        match read_text(path) {
            Ok(text) => sources.with_file_text(&path.display().to_string(), &text),
            Err(error) if config.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(sources),
            Err(error) => {
                let problem =
                    Problem::new(path.display().to_string(), format!("the configuration file cannot be read: {error}"));
                Err(ConfigurationError { problems: vec![problem] })
            }
        }
    }

    /// Adds the text of a configuration file; `name` is how problems call it.
    ///
    /// # Errors
    /// Every place where the text is no TOML, without showing it.
    pub fn with_file_text(mut self, name: &str, text: &str) -> Result<Self, ConfigurationError> {
        let line_of = |position: usize| text[..position.min(text.len())].matches('\n').count() + 1;
        let at = |position: usize| Origin::File { name: name.to_owned(), line: line_of(position) };
        let (document, errors) = DeTable::parse_recoverable(text);
        let problems: Vec<Problem> = errors
            .iter()
            .map(|error| Problem {
                key: "the configuration file".to_owned(),
                origin: at(error.span().map_or(0, |span| span.start)),
                message: format!("is not TOML: {}", error.message()),
            })
            .collect();
        ConfigurationError::unless_empty(problems)?;
        for (table, content) in document.into_inner() {
            let (table, origin) = (table.get_ref().to_string(), at(table.span().start));
            let DeValue::Table(content) = content.into_inner() else {
                let message =
                    format!("settings stand in a table; begin one with a line that says [{}]", TABLES.join("] or ["));
                self.problems.push(Problem { key: table, origin, message });
                continue;
            };
            if !TABLES.contains(&table.as_str()) {
                let message = format!("there is no such table; the tables are {}", TABLES.join(", "));
                self.problems.push(Problem { key: table, origin, message });
                continue;
            }
            for (key, value) in content {
                let origin = at(key.span().start);
                let key = key.into_inner().into_owned();
                match items(value) {
                    Ok(tables) => {
                        let list = format!("{table}.{key}");
                        let items = tables
                            .into_iter()
                            .map(|(start, content)| Item { layer: layer(&list, content, &at), origin: at(start) });
                        self.lists.insert(list.clone(), items.collect());
                    }
                    Err(value) => {
                        let given = Given::Toml(to_value(value));
                        self.file.insert((table.clone(), key), Found { given, origin });
                    }
                }
            }
        }
        Ok(self)
    }

    /// Adds the environment: variables that begin with [`ENVIRONMENT_PREFIX`], the others are none of our business.
    #[must_use]
    pub fn with_environment(mut self, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        for (variable, value) in environment {
            let variable = variable.to_string_lossy().into_owned();
            let Some(rest) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let origin = Origin::Environment(variable.clone());
            let spelled = rest.split_once("__").filter(|_| !rest.bytes().any(|byte| byte.is_ascii_lowercase()));
            let Some((table, key)) = spelled.map(|(table, key)| (table.to_lowercase(), key.to_lowercase())) else {
                let message = format!("is to be written {ENVIRONMENT_PREFIX}TABLE__KEY in capital letters");
                self.problems.push(Problem { key: variable, origin, message });
                continue;
            };
            if !TABLES.contains(&table.as_str()) {
                let message = format!("there is no such table; the tables are {}", TABLES.join(", "));
                self.problems.push(Problem { key: table, origin, message });
                continue;
            }
            match value.into_string() {
                Ok(text) => drop(self.environment.insert((table, key), Found { given: Given::Text(text), origin })),
                Err(_) => self.problems.push(Problem {
                    key: format!("{table}.{key}"),
                    origin,
                    message: "is not UTF-8".to_owned(),
                }),
            }
        }
        self
    }

    /// Adds a flag of the command line: `flag` with its dashes, and which setting it stands for.
    #[must_use]
    pub fn with_flag(mut self, table: &str, key: &str, flag: &str, value: impl Into<String>) -> Self {
        let found = Found { given: Given::Text(value.into()), origin: Origin::Flag(flag.to_owned()) };
        self.flags.insert((table.to_owned(), key.to_owned()), found);
        self
    }

    /// Adds what `program` itself says a setting to be, over everything else.
    #[must_use]
    pub fn with_own(mut self, program: &'static str, table: &str, key: &str, value: impl Into<String>) -> Self {
        let found = Found { given: Given::Text(value.into()), origin: Origin::Program(program) };
        self.flags.insert((table.to_owned(), key.to_owned()), found);
        self
    }

    /// As [`Sources::with_flag`], when the flag was given.
    #[must_use]
    pub fn with_optional_flag(self, table: &str, key: &str, flag: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with_flag(table, key, flag, value),
            None => self,
        }
    }

    /// The sources, the strongest first.
    pub(super) fn layers(&self) -> [&Layer; 3] {
        [&self.flags, &self.environment, &self.file]
    }
}

fn read_text(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// The tables of a list with where each begins; whatever is no list of tables comes back.
fn items<'t>(value: toml::Spanned<DeValue<'t>>) -> Result<Vec<(usize, DeTable<'t>)>, toml::Spanned<DeValue<'t>>> {
    let is_list = match value.get_ref() {
        DeValue::Array(items) => !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()),
        _ => false,
    };
    if !is_list {
        return Err(value);
    }
    let DeValue::Array(items) = value.into_inner() else { return Ok(Vec::new()) };
    let tables = items.into_iter().filter_map(|item| match (item.span().start, item.into_inner()) {
        (start, DeValue::Table(content)) => Some((start, content)),
        _ => None,
    });
    Ok(tables.collect())
}

/// The settings of one table of the list `name`.
fn layer(name: &str, content: DeTable<'_>, at: &impl Fn(usize) -> Origin) -> Layer {
    let settings = content.into_iter().map(|(key, value)| {
        let origin = at(key.span().start);
        ((name.to_owned(), key.into_inner().into_owned()), Found { given: Given::Toml(to_value(value)), origin })
    });
    settings.collect()
}

/// The value without its positions.
fn to_value(value: toml::Spanned<DeValue<'_>>) -> toml::Value {
    match value.into_inner() {
        DeValue::String(text) => toml::Value::String(text.into_owned()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or_else(|_| toml::Value::String(number.to_string()), toml::Value::Integer)
        }
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => toml::Value::Boolean(value),
        DeValue::Datetime(time) => toml::Value::Datetime(time),
        DeValue::Array(items) => toml::Value::Array(items.into_iter().map(to_value).collect()),
        DeValue::Table(entries) => toml::Value::Table(
            entries.into_iter().map(|(key, value)| (key.into_inner().into_owned(), to_value(value))).collect(),
        ),
    }
}
