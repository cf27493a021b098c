//! Migrations: forward only, one process at a time, all or nothing, never past what the binary knows.

use super::database::FIRST;
use shared::{
    binds,
    db::{DatabaseUrl, Migration, MigrationError, OpenError, PoolLimits, Schema, Statement, Store, StoreError, Tx},
};
use std::os::unix::fs::PermissionsExt as _;
use system_tests::postgres;
use tokio::task::JoinSet;

const SECOND: Migration = Migration {
    name: "0002_colour",
    sqlite: "create table colour(name text primary key not null) strict; insert into colour(name) values ('red');
        alter table token add column colour text;",
    postgres: "create table colour(name text primary key not null); insert into colour(name) values ('red');
        alter table token add column colour text;",
};
const BROKEN: Migration = Migration {
    name: "0003_broken",
    sqlite: "create table half(x integer) strict; insert into token(hash) values (null);",
    postgres: "create table half(x bigint); insert into token(hash) values (null);",
};
const EDITED: Migration = Migration { sqlite: "create table other(x) strict;", postgres: "select 1;", ..FIRST };
const ORPHANS: Migration = Migration {
    name: "0003_orphans",
    sqlite: "insert into shift(id, name) values (1, 'nobody');",
    postgres: "insert into shift(id, name) values (1, 'nobody');",
};

const OLD: Schema = Schema::new("contract", &[FIRST]);
const NEW: Schema = Schema::new("contract", &[FIRST, SECOND]);
const FAILING: Schema = Schema::new("contract", &[FIRST, SECOND, BROKEN]);
const ORPHANING: Schema = Schema::new("contract", &[FIRST, SECOND, ORPHANS]);
const CHANGED: Schema = Schema::new("contract", &[EDITED]);
const OTHER: Schema = Schema::new("contract", &[SECOND]);

const INSERT: Statement = Statement::new("token.insert", "insert into token(hash, family) values ($1, 1)");
const TOKENS: Statement = Statement::new("token.count", "select count(*) as n from token");
const COLOURS: Statement = Statement::new("colour.count", "select count(*) as n from colour");
const HALF: Statement = Statement::new("half.count", "select count(*) as n from half");
const APPLIED: Statement = Statement::new("schema_migration.list", "select name from schema_migration order by name");

async fn open(url: &DatabaseUrl, schema: &Schema) -> Result<Store, OpenError> {
    Store::open(url, schema, PoolLimits::default()).await
}

async fn refused(url: &DatabaseUrl, schema: &Schema) -> MigrationError {
    match open(url, schema).await {
        Err(OpenError::Migration(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn number(store: &Store, count: &'static Statement) -> Result<i64, StoreError> {
    store.read().fetch_optional(count, []).await?.unwrap().get("n")
}

async fn applied(store: &Store) -> Vec<String> {
    let rows = store.read().fetch_all(&APPLIED, []).await.unwrap();
    rows.iter().map(|row| row.get("name").unwrap()).collect()
}

async fn insert(store: &Store, hash: u8) {
    let work = |mut tx: Tx| async move { tx.execute(&INSERT, binds![vec![hash]]).await };
    assert_eq!(store.write(work).await, Ok(1));
}

async fn contract(url: &DatabaseUrl) {
    // Fresh, and again.
    let old = open(url, &OLD).await.unwrap();
    insert(&old, 1).await;
    assert_eq!(applied(&open(url, &OLD).await.unwrap()).await, ["0001_token"]);

    // A failing migration leaves the old state, and the next binary goes on from there.
    let error = refused(url, &FAILING).await;
    assert!(matches!(&error, MigrationError::Failed { name, .. } if name == "0003_broken"), "{error}");
    let error = refused(url, &ORPHANING).await;
    assert!(matches!(&error, MigrationError::Failed { .. }), "{error}");
    assert_eq!(applied(&old).await, ["0001_token"]);
    assert!(number(&old, &HALF).await.is_err() && number(&old, &COLOURS).await.is_err());
    assert_eq!(number(&old, &TOKENS).await, Ok(1));

    // Other histories.
    assert_eq!(refused(url, &CHANGED).await, MigrationError::Changed { name: "0001_token".into() });
    assert!(matches!(refused(url, &OTHER).await, MigrationError::Differs { .. }));

    // Several at once: one migrates, all start.
    let mut starting = JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
        starting.spawn(async move { open(&url, &NEW).await.map(drop) });
    }
    for started in starting.join_all().await {
        started.unwrap();
    }
    let new = open(url, &NEW).await.unwrap();
    assert_eq!(applied(&new).await, ["0001_token", "0002_colour"]);
    assert_eq!((number(&new, &COLOURS).await, number(&new, &TOKENS).await), (Ok(1), Ok(1)));

    // A binary older than the schema.
    let error = refused(url, &OLD).await;
    assert_eq!(error, MigrationError::Newer { name: "0002_colour".into() });
    assert!(error.to_string().contains("newer than this program"), "{error}");
    insert(&new, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_sqlite_file() {
    let directory = tempfile::tempdir().unwrap();
    contract(&DatabaseUrl::from_sqlite_file(directory.path().join("m.db"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let database = postgres::empty().await.unwrap();
    contract(&database.database_url().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_start_on_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let database = postgres::empty().await.unwrap();
    for url in [DatabaseUrl::from_sqlite_file(directory.path().join("m.db")), database.database_url().unwrap()] {
        let mut starting = JoinSet::new();
        for _ in 0..8 {
            let url = url.clone();
            starting.spawn(async move { open(&url, &NEW).await.map(drop) });
        }
        for started in starting.join_all().await {
            started.unwrap();
        }
        assert_eq!(applied(&open(&url, &NEW).await.unwrap()).await, ["0001_token", "0002_colour"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_is_copied_before_it_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it's here.db");
    let url = DatabaseUrl::from_sqlite_file(&path);
    let old = open(&url, &OLD).await.unwrap();
    insert(&old, 1).await;
    let copy = directory.path().join("it's here.db.before-0002_colour");
    assert!(!copy.exists());
    // The server that still runs holds the file open, and its last commits may be in the log only.
    insert(&old, 2).await;
    open(&url, &NEW).await.unwrap();
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = open(&DatabaseUrl::from_sqlite_file(&copy), &OLD).await.unwrap();
    assert_eq!((applied(&before).await, number(&before, &TOKENS).await), (vec!["0001_token".to_owned()], Ok(2)));
    // A fresh file holds nothing to copy; nothing half-written stays.
    let mut names: Vec<_> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.contains("before-0001") || name.contains("partial"));
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_copy_nothing_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::from_sqlite_file(directory.path().join("m.db"));
    let old = open(&url, &OLD).await.unwrap();
    insert(&old, 1).await;
    // Something that cannot be replaced by a file stands where the copy goes.
    std::fs::create_dir_all(directory.path().join("m.db.before-0002_colour/x")).unwrap();
    assert!(matches!(refused(&url, &NEW).await, MigrationError::Copy { .. }));
    assert_eq!(applied(&old).await, ["0001_token"]);
    insert(&old, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_a_postgres_database() {
    const ONE: Schema = Schema::new("server_one", &[FIRST]);
    const TWO: Schema = Schema::new("server_two", &[FIRST, SECOND]);
    let database = postgres::empty().await.unwrap();
    let url = database.database_url().unwrap();
    let (one, two) = (open(&url, &ONE).await.unwrap(), open(&url, &TWO).await.unwrap());
    insert(&one, 1).await;
    assert_eq!((number(&one, &TOKENS).await, number(&two, &TOKENS).await), (Ok(1), Ok(0)));
    assert!(number(&one, &COLOURS).await.is_err());
}
