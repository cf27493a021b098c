//! What a statement returns.

use super::StoreError;
use sqlx::{Decode, Postgres, Sqlite, Type, ValueRef as _, postgres::PgRow, sqlite::SqliteRow};

/// One row of a result.
pub struct Row(Inner);

enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that a column can be read as: `i64`, `String`, `Vec<u8>`, and `Option` of each where the column may be null.
pub trait Column: Sealed {}

/// Keeps sqlx's traits out of the public bound's meaning: nobody else implements [`Column`].
pub trait Sealed: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {
    /// Whether null is a value. Checked here, because the driver reads a null of SQLite as 0 or as empty.
    const NULLABLE: bool;
}

macro_rules! columns {
    ($($column:ty),*) => { $(
        impl Sealed for $column {
            const NULLABLE: bool = false;
        }
        impl Column for $column {}
        impl Sealed for Option<$column> {
            const NULLABLE: bool = true;
        }
        impl Column for Option<$column> {}
    )* };
}
columns!(i64, String, Vec<u8>);

impl Row {
    pub(super) fn sqlite(row: SqliteRow) -> Self {
        Self(Inner::Sqlite(row))
    }

    pub(super) fn postgres(row: PgRow) -> Self {
        Self(Inner::Postgres(row))
    }

    /// The value of `column`. An error names the column if it is missing, of another type, or null where `T` is no `Option`.
    pub fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        let value = match &self.0 {
            Inner::Sqlite(row) => read::<_, T>(row, column),
            Inner::Postgres(row) => read::<_, T>(row, column),
        };
        value.map_err(|error| StoreError::Failed { statement: column, cause: error.to_string() })
    }
}

fn read<'r, R, T>(row: &'r R, column: &'static str) -> Result<T, sqlx::Error>
where
    R: sqlx::Row,
    T: Column + Decode<'r, R::Database> + Type<R::Database>,
    &'static str: sqlx::ColumnIndex<R>,
{
    if !T::NULLABLE && row.try_get_raw(column)?.is_null() {
        return Err(sqlx::Error::ColumnDecode { index: column.to_owned(), source: "null".into() });
    }
    row.try_get(column)
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row(redacted)")
    }
}
