//! The contract's own small schema, and a fresh database of each kind.

use shared::{
    binds,
    db::{DatabaseUrl, Migration, PoolLimits, Schema, Statement, Store, StoreError, Tx},
};
use system_tests::postgres::{self, TestDatabase};
use tempfile::TempDir;

pub const FIRST: Migration = Migration {
    name: "0001_token",
    sqlite: "create table token(hash blob primary key not null, family integer not null, consumed_at integer, note text) strict;
        create table duty(name text primary key not null, on_call integer not null) strict;
        create table shift(id integer primary key not null, name text not null references duty(name)
            deferrable initially deferred) strict;",
    postgres: "create table token(hash bytea primary key not null, family bigint not null, consumed_at bigint, note text);
        create table duty(name text primary key not null, on_call bigint not null);
        create table shift(id bigint primary key not null, name text not null references duty(name)
            deferrable initially deferred);",
};

pub const SCHEMA: Schema = Schema::new("contract", &[FIRST]);

const INSERT: Statement =
    Statement::new("token.insert", "insert into token(hash, family, consumed_at, note) values ($1, $2, $3, $4)");
const CONSUME: Statement = Statement::new(
    "token.consume",
    "update token set consumed_at = $2 where hash = $1 and consumed_at is null returning family",
);
const COUNT: Statement =
    Statement::new("token.count", "select count(*) as tokens, count(consumed_at) as consumed from token");

/// A database that goes when this value is dropped.
pub struct Database {
    store: Store,
    pub url: DatabaseUrl,
    _directory: Option<TempDir>,
    _postgres: Option<TestDatabase>,
}

impl Database {
    pub async fn sqlite_file() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::from_sqlite_file(directory.path().join("contract.db"));
        Self { store: open(&url).await, url, _directory: Some(directory), _postgres: None }
    }

    pub async fn sqlite_memory() -> Self {
        let url = DatabaseUrl::parse("sqlite::memory:").unwrap();
        Self { store: open(&url).await, url, _directory: None, _postgres: None }
    }

    pub async fn postgres() -> Self {
        let database = postgres::migrated(&[&SCHEMA]).await.unwrap();
        let url = database.database_url().unwrap();
        Self { store: open(&url).await, url, _directory: None, _postgres: Some(database) }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }
}

pub async fn open(url: &DatabaseUrl) -> Store {
    Store::open(url, &SCHEMA, PoolLimits::default()).await.unwrap()
}

pub async fn insert(tx: &mut Tx, hash: &[u8], family: i64) -> Result<(), StoreError> {
    tx.execute(&INSERT, binds![hash, family, None::<i64>, "contract"]).await.map(drop)
}

/// A fresh token, in a transaction of its own.
pub async fn seed(store: &Store, hash: &[u8]) -> Result<(), StoreError> {
    store.write(|mut tx| async move { insert(&mut tx, hash, 1).await }).await
}

/// Consumes a token and creates its successor; false if it was consumed before.
pub async fn rotate(store: &Store, hash: &[u8], next: &[u8]) -> Result<bool, StoreError> {
    let work = |mut tx: Tx| async move {
        let Some(row) = tx.fetch_optional(&CONSUME, binds![hash, 9]).await? else { return Ok(false) };
        insert(&mut tx, next, row.get("family")?).await?;
        Ok(true)
    };
    store.write(work).await
}

/// How many tokens there are, and how many of them are consumed.
pub async fn count(store: &Store) -> (i64, i64) {
    let row = store.read().fetch_optional(&COUNT, []).await.unwrap().unwrap();
    (row.get("tokens").unwrap(), row.get("consumed").unwrap())
}
