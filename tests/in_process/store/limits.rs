//! A full disk (SQLite's own limit on pages behaves like one): an error, nothing acknowledged is lost, and it ends.

use super::database::{Database, count};
use shared::{
    binds,
    db::{Statement, Store, StoreError, Tx},
};
use tokio::task::JoinSet;

const PAGES: Statement = Statement::new("limit.pages", "pragma page_count");
const FULL: Statement = Statement::new("limit.full", "pragma max_page_count = 60");
const ROOM: Statement = Statement::new("limit.room", "pragma max_page_count = 1000000");
const INSERT: Statement = Statement::new("token.insert", "insert into token(hash, family, note) values ($1, 1, $2)");
const EXISTS: Statement = Statement::new("token.exists", "select 1 from token where hash = $1");

async fn limit(store: &Store, pragma: &'static Statement) {
    store
        .write(|mut tx| async move { tx.fetch_optional(pragma, []).await.map(drop) })
        .await
        .unwrap_or_else(|error: StoreError| panic!("{error}"));
}

async fn fill(store: &Store) {
    limit(store, &FULL).await;
    let mut writers = JoinSet::new();
    for number in 0..400u32 {
        let store = store.clone();
        writers.spawn(async move {
            let token = number.to_be_bytes();
            // Every tenth is larger than what is left: it must not take its neighbours along.
            let note = "x".repeat(if number % 10 == 9 { 400_000 } else { 1000 });
            let note = &note;
            let work = |mut tx: Tx| async move { tx.execute(&INSERT, binds![&token[..], note]).await };
            (number, store.write(work).await)
        });
    }
    let results = writers.join_all().await;
    let mut kept = 0;
    for (number, result) in &results {
        let row = store.read().fetch_optional(&EXISTS, binds![&number.to_be_bytes()[..]]).await.unwrap();
        match result {
            Ok(_) => kept += 1,
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{number}: {error:?}"),
        }
        assert_eq!(row.is_some(), result.is_ok(), "{number}: {result:?}");
        assert!(number % 10 != 9 || result.is_err(), "{number} cannot fit");
    }
    assert!((50..360).contains(&kept), "{kept} fitted");
    let pages = store.read().fetch_optional(&PAGES, []).await.unwrap().unwrap().get::<i64>("page_count").unwrap();
    assert!(pages <= 60, "{pages}");

    limit(store, &ROOM).await;
    let work = |mut tx: Tx| async move { tx.execute(&INSERT, binds![vec![1, 2, 3, 4, 5], "y"]).await };
    assert_eq!(store.write(work).await, Ok(1));
    assert_eq!(count(store).await.0, kept + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_sqlite_file() {
    fill(Database::sqlite_file().await.store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_sqlite_memory() {
    fill(Database::sqlite_memory().await.store()).await;
}
