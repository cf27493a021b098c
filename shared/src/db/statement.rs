use super::StoreError;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

/// One SQL text for both databases; the name is its span, fault point and place in an error.
pub struct Statement {
    pub name: &'static str,
    pub sql: &'static str,
}
impl Statement {
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql }
    }
}

/// Nulls keep their type: PostgreSQL refuses a text null for a bigint column.
#[derive(Clone)]
pub enum Bind {
    Integer(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}
macro_rules! bind_from { ($($t:ty => $v:ident, $c:expr);* $(;)?) => { $(impl From<$t> for Bind { fn from(x: $t) -> Self { Bind::$v(Some($c(x))) } } impl From<Option<$t>> for Bind { fn from(x: Option<$t>) -> Self { Bind::$v(x.map($c)) } })* } }
bind_from! { i64 => Integer, |x| x; &str => Text, |x: &str| x.to_owned(); String => Text, |x| x; &[u8] => Bytes, |x: &[u8]| x.to_vec(); Vec<u8> => Bytes, |x| x; &[u8; 32] => Bytes, |x: &[u8; 32]| x.to_vec(); }
#[macro_export]
macro_rules! binds { ($($e:expr),* $(,)?) => { [$($crate::db::Bind::from($e)),*] } }

pub enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}
pub trait Column: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}
impl Column for i64 {}
impl Column for String {}
impl Column for Vec<u8> {}
impl Column for Option<i64> {}
impl Column for Option<String> {}
impl Column for Option<Vec<u8>> {}
impl Row {
    pub fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        match self {
            Row::Sqlite(r) => r.try_get(column),
            Row::Postgres(r) => r.try_get(column),
        }
        .map_err(|e| StoreError::sql(column, e))
    }
}
macro_rules! bound {
    ($s:expr, $b:expr) => {{
        let mut q = sqlx::query($s.sql);
        for b in $b {
            q = match b {
                $crate::db::Bind::Integer(x) => q.bind(x),
                $crate::db::Bind::Text(x) => q.bind(x),
                $crate::db::Bind::Bytes(x) => q.bind(x),
            }
        }
        q
    }};
}
pub(super) use bound;
