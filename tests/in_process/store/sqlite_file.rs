//! What only a SQLite file can do: be opened twice, be locked by somebody else, be read by others on the machine.

use super::database::{Database, SCHEMA, count, insert, open, rotate, seed};
use shared::db::{DatabaseUrl, OpenError, PoolLimits, Statement, Store, StoreError, Tx};
use std::{os::unix::fs::PermissionsExt as _, time::Instant};
use tokio::task::JoinSet;

/// A command on the shell writes while the server runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_write_to_one_file() {
    let database = Database::sqlite_file().await;
    let other = open(&database.url).await;
    let mut writers = JoinSet::new();
    for writer in 0..16u8 {
        let store = if writer % 2 == 0 { database.store().clone() } else { other.clone() };
        writers.spawn(async move {
            for round in 0..10u8 {
                seed(&store, &[writer, round]).await.unwrap();
                assert!(rotate(&store, &[writer, round], &[writer, round, 1]).await.unwrap());
            }
        });
    }
    writers.join_all().await;
    assert_eq!(count(database.store()).await, (320, 160));
    assert_eq!(count(&other).await, (320, 160));
}

/// One of the two is as busy as it can be; a command still comes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_does_not_starve_a_command() {
    let database = Database::sqlite_file().await;
    let other = open(&database.url).await;
    let busy: Vec<_> = (0..32u8)
        .map(|writer| {
            let store = database.store().clone();
            tokio::spawn(async move {
                for round in 0u32.. {
                    seed(&store, &[&[writer][..], &round.to_be_bytes()].concat()).await.unwrap();
                }
            })
        })
        .collect();
    for command in 0..5u8 {
        seed(&other, &[command]).await.unwrap();
    }
    for task in busy {
        task.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_locked_for_long_is_unavailable_and_then_usable() {
    let database = Database::sqlite_file().await;
    let other = open(&database.url).await;
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (unlock, unlocked) = tokio::sync::oneshot::channel::<()>();
    let holder = tokio::spawn(async move {
        let (locked, unlocked) = (std::sync::Mutex::new(Some(locked)), tokio::sync::Mutex::new(Some(unlocked)));
        let hold = |mut tx: Tx| {
            let (locked, unlocked) = (&locked, &unlocked);
            async move {
                insert(&mut tx, b"held", 1).await?;
                locked.lock().unwrap().take().unwrap().send(()).unwrap();
                unlocked.lock().await.take().unwrap().await.unwrap();
                Ok::<_, StoreError>(())
            }
        };
        other.write(hold).await.unwrap();
    });
    is_locked.await.unwrap();
    let started = Instant::now();
    // All who wait give up in time, not one after the other.
    let mut waiting = JoinSet::new();
    for waiter in 0..8u8 {
        let store = database.store().clone();
        waiting.spawn(async move { seed(&store, &[waiter]).await });
    }
    for result in waiting.join_all().await {
        assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
    }
    assert!((4..8).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(count(database.store()).await, (0, 0), "readers are not in the way");
    unlock.send(()).unwrap();
    holder.await.unwrap();
    seed(database.store(), b"after").await.unwrap();
    assert_eq!(count(database.store()).await, (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_of_one_moment_share_a_commit() {
    let database = Database::sqlite_file().await;
    let before = database.store().shared_commits().await;
    let mut writers = JoinSet::new();
    for writer in 0..64u8 {
        let store = database.store().clone();
        writers.spawn(async move { seed(&store, &[writer]).await.unwrap() });
    }
    writers.join_all().await;
    let commits = database.store().shared_commits().await - before;
    assert!((1..=32).contains(&commits), "{commits} commits for 64 transactions");
}

/// SQLite may end the whole transaction by itself when a statement fails; those who rode along run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_lost_under_its_riders_is_repeated() {
    const END: Statement = Statement::new("rogue.rollback", "rollback");
    let database = Database::sqlite_file().await;
    let mut writers = JoinSet::new();
    for writer in 0..100u8 {
        let store = database.store().clone();
        writers.spawn(async move {
            let work = |mut tx: Tx| async move {
                insert(&mut tx, &[writer], 1).await?;
                if writer % 10 == 9 {
                    tx.execute(&END, []).await?;
                    return Err(StoreError::Failed { statement: "rogue.rollback", cause: "ended".to_owned() });
                }
                Ok(())
            };
            assert_eq!(store.write(work).await.is_ok(), writer % 10 != 9);
        });
    }
    writers.join_all().await;
    assert_eq!(count(database.store()).await, (90, 0));
}

#[tokio::test]
async fn only_the_owner_reads_the_files() {
    let database = Database::sqlite_file().await;
    seed(database.store(), b"secret").await.unwrap();
    let path = database.url.sqlite_file().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let mut files = 0;
    for entry in path.parent().unwrap().read_dir().unwrap() {
        assert_eq!(mode(&entry.as_ref().unwrap().path()), 0o600, "{entry:?}");
        files += 1;
    }
    assert_eq!(files, 3, "the file, its log and its index");
    // A file that was made by something else is closed to others.
    database.store().close().await;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&database.url).await;
    assert_eq!(mode(path), 0o600);
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let database = Database::sqlite_file().await;
    seed(database.store(), b"kept").await.unwrap();
    database.store().close().await;
    assert!(matches!(seed(database.store(), b"late").await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(database.store().ping().await, Err(StoreError::Unavailable { .. })));
    let again = open(&database.url).await;
    again.ping().await.unwrap();
    assert_eq!(count(&again).await, (1, 0));
}

#[tokio::test]
async fn every_memory_database_is_its_own() {
    let (one, two) = (Database::sqlite_memory().await, Database::sqlite_memory().await);
    seed(one.store(), b"x").await.unwrap();
    assert_eq!((count(one.store()).await, count(two.store()).await), ((1, 0), (0, 0)));
}

#[tokio::test]
async fn a_directory_that_is_missing_is_named() {
    let url = DatabaseUrl::parse("sqlite:/no/such/directory/postern.db").unwrap();
    let error = Store::open(&url, &SCHEMA, PoolLimits::default()).await.unwrap_err();
    assert!(matches!(&error, OpenError::File { .. }), "{error}");
    assert!(error.to_string().contains("/no/such/directory/postern.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_or_a_broken_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("broken.db");
    let url = DatabaseUrl::from_sqlite_file(&path);
    Store::open(&url, &SCHEMA, PoolLimits::default()).await.unwrap().close().await;
    let mut sound = std::fs::read(&path).unwrap();
    // Behind the first page are the tables, that of the migrations first.
    let mut without_tables = sound.clone();
    without_tables[4096..].fill(0xff);
    // Behind the header of 100 bytes begins the page that says which tables there are.
    sound[100..400].fill(0xff);
    for content in [b"not a database, but long enough to be one".repeat(100), sound, without_tables] {
        std::fs::write(&path, content).unwrap();
        let error = Store::open(&url, &SCHEMA, PoolLimits::default()).await.unwrap_err();
        assert!(matches!(&error, OpenError::File { .. }) && error.to_string().contains("broken.db"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_does_not_stop_writers() {
    const ALL: Statement = Statement::new(
        "token.product",
        "select count(*) as n from token a, token b, token c where a.family + b.family + c.family > 0",
    );
    let database = Database::sqlite_file().await;
    for number in 0..200u8 {
        seed(database.store(), &[number]).await.unwrap();
    }
    let store = database.store().clone();
    let reading = tokio::spawn(async move { store.read().fetch_optional(&ALL, []).await.unwrap() });
    let mut written = 0u32;
    while !reading.is_finished() {
        seed(database.store(), &[&[9][..], &written.to_be_bytes()].concat()).await.unwrap();
        written += 1;
        tokio::task::yield_now().await;
    }
    assert!(written > 5, "{written} writes during a read of {:?}", reading.await.unwrap());
}
