//! Transactions behave as if they ran one after the other, and nobody pays for a neighbour's failure.

use super::{
    database::{count, insert, seed},
    for_each_database,
};
use shared::{
    binds,
    db::{Statement, Store, StoreError, Tx},
};
use tokio::task::JoinSet;

for_each_database!(
    write_skew_is_refused,
    a_failing_neighbour_fails_alone,
    a_neighbour_refused_at_commit_fails_alone,
    the_caller_s_own_error_rolls_back,
    a_closure_uses_its_own_transaction_only,
    a_kept_transaction_is_not_committed,
);

const ON_CALL: Statement = Statement::new("duty.count", "select count(*) as n from duty where on_call = 1");
const LEAVE: Statement = Statement::new("duty.leave", "update duty set on_call = 0 where name = $1");
const CLEAR: Statement = Statement::new("duty.clear", "delete from duty");
const JOIN: Statement = Statement::new("duty.join", "insert into duty(name, on_call) values ($1, 1)");

async fn on_call(tx: &mut Tx) -> Result<i64, StoreError> {
    match tx.fetch_optional(&ON_CALL, []).await? {
        Some(row) => row.get("n"),
        None => Ok(0),
    }
}

/// Each of two doctors may leave while the other stays: each looks, each leaves, and with less than SERIALIZABLE both go.
async fn write_skew_is_refused(store: &Store) {
    for round in 0..20 {
        let names = [format!("a{round}"), format!("b{round}")];
        let join = |mut tx: Tx| {
            let names = &names;
            async move {
                tx.execute(&CLEAR, []).await?;
                for name in names {
                    tx.execute(&JOIN, binds![name]).await?;
                }
                Ok::<_, StoreError>(())
            }
        };
        store.write(join).await.unwrap();
        let mut leaving = JoinSet::new();
        for name in names.clone() {
            let store = store.clone();
            leaving.spawn(async move {
                let name = &name;
                let leave = |mut tx: Tx| async move {
                    if on_call(&mut tx).await? < 2 {
                        return Ok(false);
                    }
                    tokio::task::yield_now().await;
                    tx.execute(&LEAVE, binds![name]).await?;
                    Ok::<_, StoreError>(true)
                };
                store.write(leave).await.unwrap()
            });
        }
        let left = leaving.join_all().await.into_iter().filter(|left| *left).count();
        assert_eq!(left, 1, "round {round}");
    }
}

async fn a_failing_neighbour_fails_alone(store: &Store) {
    let mut writers = JoinSet::new();
    for number in 0..200u32 {
        let store = store.clone();
        writers.spawn(async move {
            let token = number.to_be_bytes();
            let work = |mut tx: Tx| async move {
                insert(&mut tx, &token, 3).await?;
                if number % 2 == 1 {
                    insert(&mut tx, &token, 3).await?;
                }
                Ok::<_, StoreError>(())
            };
            assert_eq!(store.write(work).await.is_ok(), number % 2 == 0, "{number}");
        });
    }
    writers.join_all().await;
    assert_eq!(count(store).await, (100, 0));
}

/// A deferred foreign key is checked by COMMIT, which is shared where transactions ride together.
async fn a_neighbour_refused_at_commit_fails_alone(store: &Store) {
    const ORPHAN: Statement = Statement::new("shift.orphan", "insert into shift(id, name) values ($1, 'nobody')");
    let mut writers = JoinSet::new();
    for number in 0..60i64 {
        let store = store.clone();
        writers.spawn(async move {
            let token = number.to_be_bytes();
            let work = |mut tx: Tx| async move {
                insert(&mut tx, &token, 3).await?;
                if number % 10 == 9 {
                    tx.execute(&ORPHAN, binds![number]).await?;
                }
                Ok::<_, StoreError>(())
            };
            match store.write(work).await {
                Ok(()) => assert_ne!(number % 10, 9),
                Err(error) => {
                    assert!(matches!(error, StoreError::Failed { statement: "commit", .. }), "{error:?}");
                    assert_eq!(number % 10, 9, "{error}");
                }
            }
        });
    }
    writers.join_all().await;
    assert_eq!(count(store).await, (54, 0));
}

#[derive(Debug, PartialEq)]
enum Refusal {
    NotToday,
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn the_caller_s_own_error_rolls_back(store: &Store) {
    let work = |mut tx: Tx| async move {
        insert(&mut tx, b"x", 1).await?;
        Err::<(), _>(Refusal::NotToday)
    };
    assert_eq!(store.write(work).await, Err(Refusal::NotToday));
    assert_eq!(count(store).await, (0, 0));
}

async fn a_closure_uses_its_own_transaction_only(store: &Store) {
    let nested = store.write(|_tx| async move { seed(store, b"nested").await }).await;
    assert!(matches!(nested, Err(StoreError::Failed { .. })), "{nested:?}");
    let beside = store.write(|_tx| async move { store.read().fetch_optional(&ON_CALL, []).await.map(drop) }).await;
    assert!(matches!(beside, Err(StoreError::Failed { .. })), "{beside:?}");
    assert_eq!(count(store).await, (0, 0));
}

async fn a_kept_transaction_is_not_committed(store: &Store) {
    let kept = std::sync::Mutex::new(None);
    let result: Result<(), StoreError> = store
        .write(|mut tx| {
            let kept = &kept;
            async move {
                insert(&mut tx, b"kept", 1).await?;
                *kept.lock().unwrap() = Some(tx);
                Ok(())
            }
        })
        .await;
    assert!(matches!(result, Err(StoreError::Failed { .. })), "{result:?}");
    drop(kept.lock().unwrap().take());
    assert_eq!(count(store).await, (0, 0));
    seed(store, b"next").await.unwrap();
}
