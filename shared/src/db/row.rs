//! What a statement returns.

use super::StoreError;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

/// One row of a result.
pub struct Row(Inner);

enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that a column can be read as: `i64`, `String`, `Vec<u8>`, and `Option` of each where the column may be null.
pub trait Column: Sealed {}

/// Keeps sqlx's traits out of the public bound's meaning: nobody else implements [`Column`].
pub trait Sealed: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

macro_rules! columns {
    ($($column:ty),*) => { $(
        impl Sealed for $column {}
        impl Column for $column {}
    )* };
}
columns!(i64, String, Vec<u8>, Option<i64>, Option<String>, Option<Vec<u8>>);

impl Row {
    pub(super) fn sqlite(row: SqliteRow) -> Self {
        Self(Inner::Sqlite(row))
    }

    pub(super) fn postgres(row: PgRow) -> Self {
        Self(Inner::Postgres(row))
    }

    /// The value of `column`. An error names the column if it is missing, of another type, or null where `T` is no `Option`.
    pub fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        match &self.0 {
            Inner::Sqlite(row) => row.try_get(column),
            Inner::Postgres(row) => row.try_get(column),
        }
        .map_err(|error| StoreError::Failed { statement: column, cause: error.to_string() })
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row(redacted)")
    }
}
