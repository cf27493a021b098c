//! Bringing a schema up to date: forward only, one process at a time, all or nothing.

pub(super) mod postgres;
pub(super) mod sqlite;

use sha2::{Digest as _, Sha256};

/// One step of a schema, the same for both databases: `migrations/SERVER/{sqlite,postgres}/NAME.sql`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `NNNN_name`, without `.sql`; the order of the list is the order of the names.
    pub name: &'static str,
    /// What it does on SQLite. May hold several statements, and no BEGIN or COMMIT.
    pub sqlite: &'static str,
    /// What it does on PostgreSQL, likewise.
    pub postgres: &'static str,
}

/// The schema of one server.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    name: &'static str,
    migrations: &'static [Migration],
}

impl Schema {
    /// `name` is the PostgreSQL schema (lower-case letters, digits and underscores, at most 63); `migrations` in order.
    ///
    /// # Panics
    /// At compile time (in a constant), if `name` is no such name.
    pub const fn new(name: &'static str, migrations: &'static [Migration]) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= 63, "a schema name has 1 to 63 characters");
        let mut at = 0;
        while at < bytes.len() {
            let fits = bytes[at].is_ascii_lowercase() || bytes[at] == b'_' || (at > 0 && bytes[at].is_ascii_digit());
            assert!(fits, "a schema name is made of a-z, 0-9 and _");
            at += 1;
        }
        Self { name, migrations }
    }

    /// The name of the PostgreSQL schema.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The migrations, in order.
    pub const fn migrations(&self) -> &'static [Migration] {
        self.migrations
    }
}

/// A schema that cannot be brought up to date. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// A newer binary has been here.
    #[error(
        "the database schema is newer than this program: it has migration {name}, which this program does not know; \
         start the newer program, or restore the copy of the database made before that migration"
    )]
    Newer {
        /// The first migration that this binary does not know.
        name: String,
    },
    /// A migration that was applied is not the one in this binary.
    #[error("migration {name} was changed after it had been applied to this database; migrations are never edited")]
    Changed {
        /// Its name.
        name: String,
    },
    /// The applied migrations are not the first ones of this binary's list.
    #[error("this program has migration {expected} where the database has {found}: they belong to different programs")]
    Differs {
        /// What the binary has there.
        expected: String,
        /// What the database has there.
        found: String,
    },
    /// What the database has cannot be read: it is broken, or no database.
    #[error("what migrations the database has cannot be read: {cause}")]
    Unreadable {
        /// What the database said.
        cause: String,
    },
    /// A migration failed.
    #[error("migration {name} failed and nothing was changed: {cause}")]
    Failed {
        /// Its name, or what was done around the migrations.
        name: String,
        /// What the database said.
        cause: String,
    },
    /// The SQLite file could not be copied.
    #[error("copying the database to {path} before migrating it failed, nothing was changed: {cause}")]
    Copy {
        /// The copy.
        path: String,
        /// What went wrong.
        cause: String,
    },
    /// Another process has been migrating for too long.
    #[error("another process has been migrating this database for more than {seconds} s")]
    Waited {
        /// How long this one waited.
        seconds: u64,
    },
}

impl MigrationError {
    fn failed(name: &str, error: &sqlx::Error) -> Self {
        Self::Failed { name: name.to_owned(), cause: error.to_string() }
    }

    fn unreadable(error: &sqlx::Error) -> Self {
        Self::Unreadable { cause: error.to_string() }
    }
}

/// How long to wait for another process that migrates.
const LOCK_WAIT_SECONDS: u64 = 600;

/// Says what was done to a database that held something; what a new one is made of is no news.
fn log(migration: &Migration, pending: &[Migration], schema: &Schema) {
    if pending.len() == schema.migrations.len() {
        tracing::debug!(migration = migration.name, "migrated");
    } else {
        tracing::info!(migration = migration.name, "migrated");
    }
}

/// A row of `schema_migration`.
struct Applied {
    name: String,
    checksum: String,
}

/// SHA-256 of the text, in hexadecimal.
fn checksum(sql: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(sql.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The migrations still to apply, given those applied in order of their names; `sql` picks the text of the database.
fn pending(
    migrations: &'static [Migration],
    applied: &[Applied],
    sql: fn(&Migration) -> &'static str,
) -> Result<&'static [Migration], MigrationError> {
    for (index, row) in applied.iter().enumerate() {
        let Some(migration) = migrations.get(index) else {
            return Err(MigrationError::Newer { name: row.name.clone() });
        };
        if migration.name != row.name {
            let (expected, found) = (migration.name.to_owned(), row.name.clone());
            return Err(MigrationError::Differs { expected, found });
        }
        if checksum(sql(migration)) != row.checksum {
            return Err(MigrationError::Changed { name: row.name.clone() });
        }
    }
    Ok(&migrations[applied.len()..])
}

#[cfg(test)]
mod tests {
    use super::{Applied, Migration, MigrationError, checksum, pending};

    const LIST: &[Migration] = &[
        Migration { name: "0001_a", sqlite: "create table a(x)", postgres: "" },
        Migration { name: "0002_b", sqlite: "create table b(x)", postgres: "" },
    ];

    fn rows(rows: &[(&str, &str)]) -> Vec<Applied> {
        rows.iter().map(|(name, sql)| Applied { name: (*name).to_owned(), checksum: checksum(sql) }).collect()
    }

    fn names(applied: &[(&str, &str)]) -> Result<Vec<&'static str>, MigrationError> {
        Ok(pending(LIST, &rows(applied), |migration| migration.sqlite)?
            .iter()
            .map(|migration| migration.name)
            .collect())
    }

    #[test]
    fn checksum_is_sha_256() {
        // FIPS 180-2 appendix B.1
        assert_eq!(checksum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_missing_is_pending() {
        assert_eq!(names(&[]).unwrap(), ["0001_a", "0002_b"]);
        assert_eq!(names(&[("0001_a", "create table a(x)")]).unwrap(), ["0002_b"]);
        assert!(names(&[("0001_a", "create table a(x)"), ("0002_b", "create table b(x)")]).unwrap().is_empty());
    }

    #[test]
    fn other_histories_are_refused() {
        let both = [("0001_a", "create table a(x)"), ("0002_b", "create table b(x)"), ("0003_c", "")];
        assert_eq!(names(&both).unwrap_err(), MigrationError::Newer { name: "0003_c".into() });
        assert_eq!(names(&[("0001_a", "edited")]).unwrap_err(), MigrationError::Changed { name: "0001_a".into() });
        assert!(matches!(names(&[("0001_z", "")]).unwrap_err(), MigrationError::Differs { .. }));
    }
}
