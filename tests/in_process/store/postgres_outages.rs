//! What only PostgreSQL can do: go away, before COMMIT, during COMMIT, or altogether.

use super::database::{Database, SCHEMA, count, insert, seed};
use shared::db::{DatabaseUrl, Migration, OpenError, PoolLimits, Schema, Statement, Store, StoreError, Tx};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use system_tests::postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_before_commit_leaves_nothing() {
    const DIE: Statement = Statement::new("backend.die", "select pg_terminate_backend(pg_backend_pid())");
    let database = Database::postgres().await;
    for _ in 0..20 {
        let work = |mut tx: Tx| async move {
            insert(&mut tx, b"lost", 1).await?;
            tx.execute(&DIE, []).await.map(drop)
        };
        let result = database.store().write(work).await;
        assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
    }
    seed(database.store(), b"next").await.unwrap();
    assert_eq!(count(database.store()).await, (1, 0));
}

/// A row whose deferred trigger ends the backend in the middle of COMMIT.
const DEADLY: Schema = Schema::new(
    "deadly",
    &[Migration {
        name: "0001_deadly",
        sqlite: "",
        postgres: "create table deadly(id bigint primary key);
            create function die() returns trigger language plpgsql as
                'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
            create constraint trigger deadly after insert on deadly deferrable initially deferred
                for each row execute function die();",
    }],
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_said_and_never_repeated() {
    const INSERT: Statement = Statement::new("deadly.insert", "insert into deadly(id) values (1)");
    let database = postgres::migrated(&[&DEADLY]).await.unwrap();
    let store = Store::open(&database.database_url().unwrap(), &DEADLY, PoolLimits::default()).await.unwrap();
    let runs = AtomicU32::new(0);
    let work = |mut tx: Tx| {
        runs.fetch_add(1, Ordering::SeqCst);
        async move { tx.execute(&INSERT, []).await }
    };
    let result = store.write(work).await;
    assert!(matches!(result, Err(StoreError::CommitUnknown { .. })), "{result:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_used_up_is_unavailable() {
    let database = Database::postgres().await;
    let limits =
        PoolLimits { postgres_connections: 1, acquire_timeout: Duration::from_millis(200), ..PoolLimits::default() };
    let store = Store::open(&database.url, &SCHEMA, limits).await.unwrap();
    let (held, is_held) = tokio::sync::oneshot::channel();
    let holder = {
        let store = store.clone();
        tokio::spawn(async move {
            let held = std::sync::Mutex::new(Some(held));
            let hold = |tx: Tx| {
                let held = &held;
                async move {
                    let _tx = tx;
                    held.lock().unwrap().take().unwrap().send(()).unwrap();
                    std::future::pending::<Result<(), StoreError>>().await
                }
            };
            store.write(hold).await
        })
    };
    is_held.await.unwrap();
    let result = seed(&store, b"no room").await;
    assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable { .. })));
    // The holder's future is dropped; its connection comes back and its transaction is gone.
    holder.abort();
    assert!(holder.await.unwrap_err().is_cancelled());
    seed(&store, b"room").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let url = DatabaseUrl::parse("postgres://nobody:hunter2@127.0.0.1:1/none").unwrap();
    let started = Instant::now();
    let error = Store::open(&url, &SCHEMA, PoolLimits::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Store(StoreError::Unavailable { .. })), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_durable_and_isolated_whatever_the_server_s_defaults() {
    const SETTINGS: Statement = Statement::new(
        "settings.show",
        "select current_setting('synchronous_commit') as durable, current_setting('transaction_isolation') as isolated,
            current_schema()::text as schema",
    );
    let database = Database::postgres().await;
    let work = |mut tx: Tx| async move {
        let row = tx.fetch_optional(&SETTINGS, []).await?.unwrap();
        Ok::<_, StoreError>((
            row.get::<String>("durable")?,
            row.get::<String>("isolated")?,
            row.get::<String>("schema")?,
        ))
    };
    let settings = database.store().write(work).await.unwrap();
    assert_eq!(settings, ("on".into(), "serializable".into(), "contract".into()));
}
