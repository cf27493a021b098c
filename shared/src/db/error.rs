//! How a store can fail, and which failure of a database is which.

/// A broken store. "Not found" and "lost a race for a single-use row" are values, never errors.
///
/// A cause is for the log: it never holds bound values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The statement failed; nothing of this transaction was kept.
    #[error("statement {statement} failed: {cause}")]
    Failed {
        /// The name of the statement (or of the column that could not be read).
        statement: &'static str,
        /// What the database said.
        cause: String,
    },
    /// A text with U+0000 was bound: PostgreSQL has no such text, so neither database is asked. Trying again does not help.
    #[error("statement {statement} was given a text with U+0000")]
    Nul {
        /// The name of the statement.
        statement: &'static str,
    },
    /// Another transaction won. [`Store::write`](super::Store::write) runs these again by itself, so rules never see one.
    #[error("statement {statement} conflicts with another transaction")]
    Conflict {
        /// The name of the statement that lost.
        statement: &'static str,
    },
    /// The connection broke during COMMIT: the transaction may or may not have happened. Never retried here;
    /// the answer is 503 and the caller's retry finds out.
    #[error("the outcome of a commit is unknown: {cause}")]
    CommitUnknown {
        /// What broke.
        cause: String,
    },
    /// The database cannot be reached, is full, or had conflicts for too long; nothing of this transaction was kept.
    #[error("the database is unavailable: {cause}")]
    Unavailable {
        /// Why.
        cause: String,
    },
}

/// What an error of the driver means for the transaction it happened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Conflict,
    Unavailable,
    Failed,
}

/// Primary result codes of SQLite (the low byte of an extended code).
mod sqlite_code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    /// Several connections met while opening the log.
    pub(super) const PROTOCOL: u32 = 15;
    pub(super) const CONSTRAINT: u32 = 19;
}

impl StoreError {
    /// An error of the statement called `statement`, somewhere before COMMIT.
    pub(super) fn from_sql(statement: &'static str, error: &sqlx::Error) -> Self {
        match meaning(error) {
            Meaning::Conflict => Self::Conflict { statement },
            Meaning::Unavailable => Self::Unavailable { cause: format!("{statement}: {error}") },
            Meaning::Failed => Self::Failed { statement, cause: error.to_string() },
        }
    }

    /// An error of COMMIT itself. Only what the database surely refused is known not to have happened.
    pub(super) fn from_commit(error: &sqlx::Error) -> Self {
        let refused = match code(error) {
            Some(Code::Sqlite(code)) => matches!(code, sqlite_code::FULL | sqlite_code::CONSTRAINT),
            Some(Code::Postgres(state)) => state.starts_with("23"),
            None => false,
        };
        match meaning(error) {
            Meaning::Conflict => Self::Conflict { statement: "commit" },
            _ if refused => Self::from_sql("commit", error),
            _ => Self::CommitUnknown { cause: error.to_string() },
        }
    }
}

enum Code {
    Sqlite(u32),
    Postgres(String),
}

fn code(error: &sqlx::Error) -> Option<Code> {
    let database = error.as_database_error()?;
    let code = database.code()?;
    if database.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return code.parse::<u32>().ok().map(|code| Code::Sqlite(code & 0xff));
    }
    Some(Code::Postgres(code.into_owned()))
}

fn meaning(error: &sqlx::Error) -> Meaning {
    use sqlite_code::{BUSY, CANTOPEN, FULL, IOERR, LOCKED, PROTOCOL, READONLY};
    match code(error) {
        Some(Code::Sqlite(BUSY | LOCKED | PROTOCOL)) => Meaning::Conflict,
        Some(Code::Sqlite(CANTOPEN | FULL | IOERR | READONLY)) => Meaning::Unavailable,
        Some(Code::Sqlite(_)) => Meaning::Failed,
        Some(Code::Postgres(state)) => postgres_meaning(&state),
        None => match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Meaning::Unavailable,
            _ => Meaning::Failed,
        },
    }
}

/// PostgreSQL's SQLSTATE, appendix A of its manual.
fn postgres_meaning(state: &str) -> Meaning {
    match state {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Meaning::Conflict,
        // query_canceled (a time-out), read_only_sql_transaction (failed over), lock_not_available,
        // idle_in_transaction_session_timeout
        "57014" | "25006" | "55P03" | "25P03" => Meaning::Unavailable,
        // connection exceptions, insufficient resources, operator intervention, system error, authorization
        _ if ["08", "53", "57", "58", "28"].iter().any(|class| state.starts_with(class)) => Meaning::Unavailable,
        _ => Meaning::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Meaning, StoreError, postgres_meaning};

    #[test]
    fn only_conflicts_are_conflicts() {
        assert_eq!(postgres_meaning("40001"), Meaning::Conflict);
        assert_eq!(postgres_meaning("40P01"), Meaning::Conflict);
        for unreachable in ["08006", "53300", "57P01", "57014", "25006"] {
            assert_eq!(postgres_meaning(unreachable), Meaning::Unavailable, "{unreachable}");
        }
        for failed in ["23505", "42P01", "25P02", "22P02"] {
            assert_eq!(postgres_meaning(failed), Meaning::Failed, "{failed}");
        }
    }

    #[test]
    fn a_broken_connection_leaves_a_commit_unknown() {
        let broken = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(StoreError::from_commit(&broken), StoreError::CommitUnknown { .. }));
        assert!(matches!(StoreError::from_sql("a.b", &broken), StoreError::Unavailable { .. }));
        assert!(matches!(StoreError::from_commit(&sqlx::Error::WorkerCrashed), StoreError::CommitUnknown { .. }));
    }
}
