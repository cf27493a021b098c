//! Where the state lives.

use crate::secret::Secret;
use std::{path::PathBuf, str::FromStr as _};

/// A checked database URL: `sqlite:path`, `sqlite::memory:` or `postgres://user:password@host:port/database?sslmode=…`.
#[derive(Debug, Clone)]
pub struct DatabaseUrl(pub(super) Location);

/// `Debug` never shows the password.
#[derive(Debug, Clone)]
pub(super) enum Location {
    /// A file, made if it is missing.
    File(PathBuf),
    /// Nothing on disk; each opening is a database of its own.
    Memory,
    /// A server.
    Postgres(Secret),
}

/// A database URL that cannot be used. Says what is wrong without repeating the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither `sqlite:` nor `postgres:`.
    #[error("a database URL starts with sqlite: or postgres://")]
    Scheme,
    /// `sqlite:` without a path.
    #[error("sqlite: needs a path, or sqlite::memory:")]
    NoPath,
    /// `sqlite:` with options: the product decides them.
    #[error("a sqlite: URL takes no ?options")]
    Options,
    /// `postgres://` with something in it that cannot be read.
    #[error("the postgres:// URL cannot be read: {0}")]
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads a URL. `sqlite://path` and `sqlite:path` are the same; the path may be relative.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(DatabaseUrlError::NoPath),
                ":memory:" => Ok(Self(Location::Memory)),
                _ if path.contains('?') => Err(DatabaseUrlError::Options),
                _ => Ok(Self(Location::File(path.into()))),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(DatabaseUrlError::Scheme);
        }
        sqlx::postgres::PgConnectOptions::from_str(text)
            .map_err(|error| DatabaseUrlError::Postgres(error.to_string()))?;
        Ok(Self(Location::Postgres(Secret::new(text))))
    }

    /// The SQLite file, if it is one (back-ups and file modes).
    pub fn sqlite_file(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Location::File(path) => Some(path),
            Location::Memory | Location::Postgres(_) => None,
        }
    }

    /// A SQLite file at `path`, whatever characters it has.
    pub fn from_sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self(Location::File(path.into()))
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, DatabaseUrlError, Location};
    use std::path::Path;

    #[test]
    fn reads_the_three_forms() {
        for url in ["sqlite:data/a.db", "sqlite://data/a.db"] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().sqlite_file(), Some(Path::new("data/a.db")));
        }
        assert_eq!(DatabaseUrl::parse("sqlite:///var/a.db").unwrap().sqlite_file(), Some(Path::new("/var/a.db")));
        assert!(matches!(DatabaseUrl::parse("sqlite::memory:").unwrap().0, Location::Memory));
        assert!(matches!(DatabaseUrl::parse("postgres://u:p@h:1/d").unwrap().0, Location::Postgres(_)));
    }

    #[test]
    fn refuses_the_rest_without_repeating_a_password() {
        assert_eq!(DatabaseUrl::parse("mysql://u:hunter2@h/d").unwrap_err(), DatabaseUrlError::Scheme);
        assert_eq!(DatabaseUrl::parse("sqlite:").unwrap_err(), DatabaseUrlError::NoPath);
        assert_eq!(DatabaseUrl::parse("sqlite:a.db?mode=ro").unwrap_err(), DatabaseUrlError::Options);
        let error = DatabaseUrl::parse("postgres://u:hunter2@h:port/d").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let url = DatabaseUrl::parse("postgres://u:hunter2@h/d").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
