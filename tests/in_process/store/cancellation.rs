//! A dropped future leaves nothing behind, and harms nobody.

use super::{
    database::{Database, SCHEMA, count, insert, seed},
    for_each_database,
};
use shared::db::{PoolLimits, Statement, Store, StoreError, Tx};
use std::{future::Future, pin::pin, task::Poll, time::Duration};
use tokio::task::JoinSet;

for_each_database!(
    a_stuck_closure_leaves_nothing,
    a_future_dropped_at_any_await_is_all_or_nothing,
    a_panic_leaves_nothing,
);

async fn a_stuck_closure_leaves_nothing(store: &Store) {
    let mut writers = JoinSet::new();
    for number in 0..150u32 {
        let store = store.clone();
        writers.spawn(async move {
            let token = number.to_be_bytes();
            let work = store.write(|mut tx: Tx| async move {
                insert(&mut tx, &token, 3).await?;
                if number % 3 == 2 {
                    std::future::pending::<()>().await;
                }
                Ok::<_, StoreError>(())
            });
            if number % 3 == 2 {
                assert!(tokio::time::timeout(Duration::from_millis(2), work).await.is_err());
            } else {
                work.await.unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_eq!(count(store).await, (100, 0));
}

/// Drops the future after its n-th poll, for every n until it ends by itself, with neighbours writing meanwhile.
async fn a_future_dropped_at_any_await_is_all_or_nothing(store: &Store) {
    let mut ended = false;
    let mut neighbours = 0;
    for polls in 1..200u32 {
        let (one, two) = (format!("1-{polls}").into_bytes(), format!("2-{polls}").into_bytes());
        let neighbour = {
            let (store, token) = (store.clone(), format!("n-{polls}").into_bytes());
            tokio::spawn(async move { seed(&store, &token).await })
        };
        let done = {
            let (one, two) = (&one, &two);
            let mut work = pin!(store.write(|mut tx: Tx| async move {
                insert(&mut tx, one, 3).await?;
                insert(&mut tx, two, 3).await
            }));
            poll_times(work.as_mut(), polls).await
        };
        neighbour.await.unwrap().unwrap();
        neighbours += 1;
        let kept = settled(store, &one, &two).await;
        assert!(kept || !done, "{polls}: acknowledged and lost");
        if done {
            ended = true;
            break;
        }
    }
    assert!(ended, "the transaction never ended by itself");
    assert!(count(store).await.0 >= neighbours);
}

/// Polls up to `times`, waiting for a wake between two polls; whether it ended.
async fn poll_times<F: Future<Output = Result<(), StoreError>>>(mut work: std::pin::Pin<&mut F>, times: u32) -> bool {
    let mut left = times;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(result) => {
                result.unwrap();
                Poll::Ready(true)
            }
            // Dropped at once after the last poll: what it sent may be under way.
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Both rows or neither; whether both.
async fn settled(store: &Store, one: &[u8], two: &[u8]) -> bool {
    use shared::binds;
    const BOTH: Statement = Statement::new("token.both", "select count(*) as n from token where hash in ($1, $2)");
    // A dropped transaction is settled in the background before the next one begins.
    let count = |mut tx: Tx| async move {
        let row = tx.fetch_optional(&BOTH, binds![one, two]).await?;
        row.map_or(Ok(0), |row| row.get::<i64>("n"))
    };
    let rows: i64 = store.write(count).await.unwrap();
    assert!(rows == 0 || rows == 2, "half a transaction: {rows}");
    rows == 2
}

/// With one connection whoever comes next gets it as it was left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_dropped_at_any_await_is_not_open_for_the_next() {
    const ISOLATION: Statement =
        Statement::new("test.isolation", "select current_setting('transaction_isolation') as level");
    let database = Database::postgres().await;
    let limits = PoolLimits { postgres_connections: 1, ..PoolLimits::default() };
    let store = Store::open(&database.url, &SCHEMA, limits).await.unwrap();
    for polls in 1..200u32 {
        let done = {
            let token = &polls.to_be_bytes()[..];
            let mut work = pin!(store.write(|mut tx: Tx| async move { insert(&mut tx, token, 1).await }));
            poll_times(work.as_mut(), polls).await
        };
        let row = store.read().fetch_optional(&ISOLATION, []).await.unwrap().unwrap();
        let level: String = row.get("level").unwrap();
        assert_eq!(level, "read committed", "dropped after {polls} polls");
        if done {
            return;
        }
    }
    panic!("the transaction never ended by itself");
}

async fn a_panic_leaves_nothing(store: &Store) {
    let panicking = {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(|mut tx: Tx| async move {
                    insert(&mut tx, b"panic", 1).await?;
                    if count_of(&mut tx) {
                        panic!("a bug in a rule");
                    }
                    Ok::<_, StoreError>(())
                })
                .await
        })
    };
    assert!(panicking.await.unwrap_err().is_panic());
    seed(store, b"next").await.unwrap();
    assert_eq!(count(store).await, (1, 0));
}

fn count_of(tx: &mut Tx) -> bool {
    !format!("{tx:?}").is_empty()
}
