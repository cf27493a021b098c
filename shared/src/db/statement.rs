//! Statements and what is bound to them.

use super::StoreError;
use crate::trace::{self, SpanKind};
use sqlx::{Database, Encode, IntoArguments, Type, query::Query};
use std::future::Future;
use tracing::Instrument as _;

/// One SQL text for both databases. Parameters are `$1` to `$n`, in the order of the binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    name: &'static str,
    sql: &'static str,
}

impl Statement {
    /// A statement called `name` ("table.verb"): the name is its span, its fault point and its place in an error.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql }
    }

    /// The name given to [`Statement::new`].
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The SQL text.
    pub const fn sql(&self) -> &'static str {
        self.sql
    }

    /// Runs the statement as a step of what it is for.
    pub(super) async fn run<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        let mut step = trace::begin(self.name, SpanKind::Client);
        let done = work.instrument(tracing::debug_span!("sql", statement = self.name)).await;
        if done.is_err() {
            step.set_error();
        }
        done
    }

    pub(super) fn failed(&self, cause: &str) -> StoreError {
        StoreError::Failed { statement: self.name, cause: cause.to_owned() }
    }
}

/// A value bound to a parameter. Nulls keep their type, because PostgreSQL refuses a text null for a bigint column.
/// `Debug` shows the type and never the value.
#[derive(Clone, PartialEq, Eq)]
pub enum Bind {
    /// BIGINT / INTEGER; times are unix seconds.
    Integer(Option<i64>),
    /// TEXT
    Text(Option<String>),
    /// BYTEA / BLOB
    Bytes(Option<Vec<u8>>),
}

impl std::fmt::Debug for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Integer(_) => "Bind::Integer",
            Self::Text(_) => "Bind::Text",
            Self::Bytes(_) => "Bind::Bytes",
        })
    }
}

macro_rules! bind_from {
    ($($source:ty => $variant:ident, $convert:expr;)*) => { $(
        impl From<$source> for Bind {
            fn from(value: $source) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }
        impl From<Option<$source>> for Bind {
            fn from(value: Option<$source>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )* };
}

bind_from! {
    i64 => Integer, std::convert::identity;
    String => Text, std::convert::identity;
    &str => Text, str::to_owned;
    &String => Text, String::clone;
    Vec<u8> => Bytes, std::convert::identity;
    &[u8] => Bytes, <[u8]>::to_vec;
    &Vec<u8> => Bytes, Vec::clone;
    [u8; 32] => Bytes, |bytes: [u8; 32]| bytes.to_vec();
    &[u8; 32] => Bytes, |bytes: &[u8; 32]| bytes.to_vec();
}

/// The values of a statement's parameters, in order: `binds![id, now, None::<i64>]`.
#[macro_export]
macro_rules! binds {
    ($($value:expr),* $(,)?) => { [$($crate::db::Bind::from($value)),*] };
}

impl Statement {
    /// The values, unless one is a text that only one of the databases would take.
    pub(super) fn storable(&self, binds: impl IntoIterator<Item = Bind>) -> Result<Vec<Bind>, StoreError> {
        let binds: Vec<Bind> = binds.into_iter().collect();
        let has_nul = |bind: &Bind| matches!(bind, Bind::Text(Some(text)) if text.contains('\0'));
        if binds.iter().any(has_nul) { Err(StoreError::Nul { statement: self.name }) } else { Ok(binds) }
    }
}

/// The statement with its values, ready for one of the two databases.
pub(super) fn query<D>(
    statement: &Statement,
    binds: impl IntoIterator<Item = Bind>,
) -> Query<'static, D, <D as Database>::Arguments>
where
    D: Database,
    <D as Database>::Arguments: IntoArguments<D>,
    Option<i64>: Encode<'static, D> + Type<D>,
    Option<String>: Encode<'static, D> + Type<D>,
    Option<Vec<u8>>: Encode<'static, D> + Type<D>,
{
    binds.into_iter().fold(sqlx::query(statement.sql), |query, bind| match bind {
        Bind::Integer(value) => query.bind(value),
        Bind::Text(value) => query.bind(value),
        Bind::Bytes(value) => query.bind(value),
    })
}

#[cfg(test)]
mod tests {
    use super::Bind;

    #[test]
    fn binds_keep_the_type_of_a_null() {
        let id = String::from("id");
        let binds = binds![&id, "text", 5, None::<i64>, None::<&str>, Some(&[7u8; 32]), &b"x"[..]];
        assert_eq!(
            binds,
            [
                Bind::Text(Some("id".into())),
                Bind::Text(Some("text".into())),
                Bind::Integer(Some(5)),
                Bind::Integer(None),
                Bind::Text(None),
                Bind::Bytes(Some(vec![7; 32])),
                Bind::Bytes(Some(b"x".to_vec())),
            ]
        );
    }

    #[test]
    fn debug_output_hides_values() {
        assert_eq!(format!("{:?}", binds!["secret"]), "[Bind::Text]");
    }
}
