//! What a setting may be: from a TOML value, or from the text of an environment variable or flag.

use crate::secret::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A value as it was given.
#[derive(Clone, PartialEq)]
pub enum Given {
    /// From the environment, a flag, a `*_file` or a default.
    Text(String),
    /// From the configuration file.
    Toml(toml::Value),
}

impl Given {
    /// The text of a string, number or boolean.
    ///
    /// # Errors
    /// Says what was found instead; never shows the value itself.
    pub fn scalar(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.trim().to_owned()),
            Self::Toml(toml::Value::String(text)) => Ok(text.trim().to_owned()),
            Self::Toml(toml::Value::Integer(number)) => Ok(number.to_string()),
            Self::Toml(toml::Value::Boolean(value)) => Ok(value.to_string()),
            Self::Toml(other) => Err(format!("a {} cannot stand here", other.type_str())),
        }
    }
}

impl Given {
    /// Whether it is `[]`.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(self, Self::Toml(toml::Value::Array(items)) if items.is_empty())
    }
}

/// How a value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// An integer, or a string with a unit.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An array of strings; in the environment separated by commas.
    List,
}

/// A type that a setting may have.
pub trait SettingValue: Sized {
    /// How it is written.
    const KIND: Kind;
    /// Whether it must not be shown, and gets a `*_file` beside it.
    const SECRET: bool = false;
    /// A value that the sample shows where there is no default, as TOML.
    const EXAMPLE: &'static str;

    /// What would be right, in words that follow "expected".
    fn expected() -> String;

    /// Reads the value.
    ///
    /// # Errors
    /// What is wrong, in words; secrets must not be shown.
    fn parse(given: &Given) -> Result<Self, String>;

    /// The value when nothing was given and there is no default; `None` when it is required.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    const KIND: Kind = T::KIND;
    const SECRET: bool = T::SECRET;
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn expected() -> String {
        T::expected()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        T::parse(given).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Lists: a TOML array, or text separated by commas. Empty text is the empty list.
impl<T: SettingValue> SettingValue for Vec<T> {
    const KIND: Kind = Kind::List;
    const SECRET: bool = T::SECRET;
    const EXAMPLE: &'static str = "[]";

    fn expected() -> String {
        format!("a list (in the environment separated by commas), each being {}", T::expected())
    }

    fn parse(given: &Given) -> Result<Self, String> {
        match given {
            Given::Toml(toml::Value::Array(items)) => {
                items.iter().map(|item| T::parse(&Given::Toml(item.clone()))).collect()
            }
            Given::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| T::parse(&Given::Text(item.to_owned())))
                .collect(),
            Given::Toml(other) => Err(format!("a {} is not a list", other.type_str())),
        }
    }
}

impl SettingValue for String {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"\"";

    fn expected() -> String {
        "text".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        match given {
            Given::Toml(toml::Value::String(_)) | Given::Text(_) => given.scalar(),
            Given::Toml(other) => Err(format!("a {} is not text; put it into quotes", other.type_str())),
        }
    }
}

impl SettingValue for PathBuf {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"./path\"";

    fn expected() -> String {
        "a path, relative ones starting where the program does".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = String::parse(given)?;
        if text.is_empty() || text.contains('\0') { Err("is not a path".to_owned()) } else { Ok(text.into()) }
    }
}

impl SettingValue for Secret {
    const KIND: Kind = Kind::Text;
    const SECRET: bool = true;
    const EXAMPLE: &'static str = "\"\"";

    fn expected() -> String {
        "text that is not empty".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = Self::new(match given {
            Given::Text(text) | Given::Toml(toml::Value::String(text)) => {
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            Given::Toml(other) => return Err(format!("a {} is not text; put it into quotes", other.type_str())),
        });
        if text.expose().trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
    }
}

impl SettingValue for bool {
    const KIND: Kind = Kind::Boolean;
    const EXAMPLE: &'static str = "false";

    fn expected() -> String {
        "true or false".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        match given.scalar()?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("{other:?} is neither true nor false")),
        }
    }
}

macro_rules! whole_number {
    ($($number:ty),+) => {$(
        impl SettingValue for $number {
            const KIND: Kind = Kind::Number;
            const EXAMPLE: &'static str = "1";

            fn expected() -> String {
                "a whole number".to_owned()
            }

            fn parse(given: &Given) -> Result<Self, String> {
                let text = given.scalar()?;
                text.parse().map_err(|_| format!("{text:?} is not a whole number from 0 to {}", <$number>::MAX))
            }
        }
    )+};
}
whole_number!(u16, u32, u64);

impl SettingValue for SocketAddr {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"127.0.0.1:9400\"";

    fn expected() -> String {
        "an address and a port, such as 127.0.0.1:9400, [::1]:9400 or 0.0.0.0:9400".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = given.scalar()?;
        text.parse().map_err(|_| match text.strip_prefix("localhost:") {
            Some(port) => format!("{text:?} is a name; write 127.0.0.1:{port} and [::1]:{port}"),
            None => format!("{text:?} is not an address with a port"),
        })
    }
}

/// Makes an enum a setting: `setting_choice!(LogFormat { Auto = "auto", Json = "json" });`.
#[macro_export]
macro_rules! setting_choice {
    ($choice:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $crate::config::SettingValue for $choice {
            const KIND: $crate::config::Kind = $crate::config::Kind::Text;
            const EXAMPLE: &'static str = concat!("\"", $crate::first_literal!($($word),+), "\"");

            fn expected() -> String {
                format!("one of {}", [$($word),+].join(", "))
            }

            fn parse(given: &$crate::config::Given) -> Result<Self, String> {
                match given.scalar()?.as_str() {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("{other:?} is not known")),
                }
            }
        }
    };
}

/// The first of some literals; for [`setting_choice!`].
#[doc(hidden)]
#[macro_export]
macro_rules! first_literal {
    ($first:literal $(, $rest:literal)*) => {
        $first
    };
}

#[cfg(test)]
mod tests {
    use super::{Given, SettingValue};
    use crate::secret::Secret;
    use std::net::SocketAddr;

    fn text<T: SettingValue>(text: &str) -> Result<T, String> {
        T::parse(&Given::Text(text.to_owned()))
    }

    #[test]
    fn lists_are_arrays_or_separated_by_commas() {
        let expected = vec!["a".to_owned(), "b c".to_owned()];
        assert_eq!(text::<Vec<String>>(" a, b c ,").unwrap(), expected);
        assert_eq!(text::<Vec<String>>("").unwrap(), Vec::<String>::new());
        let array = toml::Value::Array(vec!["a".into(), "b c".into()]);
        assert_eq!(Vec::<String>::parse(&Given::Toml(array)).unwrap(), expected);
        assert!(Vec::<String>::parse(&Given::Toml("a".into())).is_err());
        assert!(Vec::<String>::parse(&Given::Toml(toml::Value::Array(vec![1.into()]))).is_err());
    }

    #[test]
    fn scalars_are_strict() {
        assert!(text::<bool>("yes").is_err());
        assert!(text::<u16>("65536").is_err());
        assert!(text::<u64>("-1").is_err());
        assert!(String::parse(&Given::Toml(9.into())).is_err());
        assert!(text::<SocketAddr>("localhost:9400").unwrap_err().contains("[::1]:9400"));
        assert_eq!(text::<SocketAddr>("[::1]:9400").unwrap().port(), 9400);
    }

    #[test]
    fn a_secret_is_not_empty_and_never_shown() {
        assert!(text::<Secret>(" ").is_err());
        assert_eq!(text::<Secret>("hunter2\n").unwrap().expose(), "hunter2");
    }
}
