//! Every statement fails once, in every way: no partial row, and an error tells the truth about what was kept.

use super::{
    database::{count, insert, rotate, seed},
    for_each_database,
};
use shared::db::{Fault, Faults, Store, StoreError};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

for_each_database!(
    the_nth_statement_fails_before,
    the_nth_statement_fails_after,
    the_nth_statement_conflicts,
    the_nth_statement_finds_no_database,
    a_swallowed_failure_is_not_committed,
    reads_have_fault_points,
    a_lasting_conflict_becomes_unavailable,
);

/// Fails at the n-th fault point only.
struct Nth {
    n: u32,
    fault: Fault,
    seen: AtomicU32,
}

impl Faults for Nth {
    fn at(&self, _: &'static str) -> Option<Fault> {
        (self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.n).then_some(self.fault)
    }
}

/// begin, consume, insert, commit
const POINTS: u32 = 4;

async fn fail_each(store: &Store, fault: Fault, judge: impl Fn(u32, &Result<bool, StoreError>)) {
    for n in 1..=POINTS + 1 {
        let (token, next) = (format!("{n}").into_bytes(), format!("{n}'").into_bytes());
        seed(store, &token).await.unwrap();
        let before = count(store).await;
        let faults = Arc::new(Nth { n, fault, seen: AtomicU32::new(0) });
        let result = rotate(&store.with_faults(faults.clone()), &token, &next).await;
        let after = count(store).await;
        let kept = matches!(result, Ok(true) | Err(StoreError::CommitUnknown { .. }));
        let step = i64::from(kept);
        assert_eq!(after, (before.0 + step, before.1 + step), "point {n}: {result:?}");
        assert_eq!(faults.seen.load(Ordering::SeqCst) >= n, n <= POINTS, "point {n} was not there");
        if n > POINTS {
            assert_eq!(result, Ok(true));
        } else {
            judge(n, &result);
        }
        // Whatever happened, the store goes on.
        assert_eq!(rotate(store, &token, b"again").await.unwrap(), !kept);
        rotate(store, b"again", &[next, vec![b'*']].concat()).await.unwrap();
        remove(store, b"again").await;
    }
}

async fn remove(store: &Store, hash: &[u8]) {
    use shared::{binds, db::Statement};
    const DELETE: Statement = Statement::new("token.delete", "delete from token where hash = $1");
    store.write(|mut tx| async move { tx.execute(&DELETE, binds![hash]).await }).await.unwrap();
}

async fn the_nth_statement_fails_before(store: &Store) {
    fail_each(store, Fault::FailBefore, |n, result| {
        assert!(matches!(result, Err(StoreError::Failed { .. })), "{n} {result:?}");
    })
    .await;
}

async fn the_nth_statement_fails_after(store: &Store) {
    fail_each(store, Fault::FailAfter, |n, result| match n {
        POINTS => assert!(matches!(result, Err(StoreError::CommitUnknown { .. })), "{result:?}"),
        _ => assert!(matches!(result, Err(StoreError::Failed { .. })), "{n} {result:?}"),
    })
    .await;
}

async fn the_nth_statement_conflicts(store: &Store) {
    fail_each(store, Fault::Conflict, |n, result| assert_eq!(*result, Ok(true), "{n}: conflicts run again")).await;
}

async fn the_nth_statement_finds_no_database(store: &Store) {
    fail_each(store, Fault::Unavailable, |n, result| {
        assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{n} {result:?}");
    })
    .await;
}

/// PostgreSQL answers COMMIT of a failed transaction with a silent rollback; SQLite would commit the rest.
async fn a_swallowed_failure_is_not_committed(store: &Store) {
    seed(store, b"taken").await.unwrap();
    let result: Result<(), StoreError> = store
        .write(|mut tx| async move {
            insert(&mut tx, b"new", 1).await?;
            let duplicate = insert(&mut tx, b"taken", 1).await;
            assert!(matches!(duplicate, Err(StoreError::Failed { statement: "token.insert", .. })));
            assert_eq!(insert(&mut tx, b"other", 1).await, duplicate, "nothing runs after a failure");
            Ok(())
        })
        .await;
    assert!(matches!(result, Err(StoreError::Failed { statement: "token.insert", .. })), "{result:?}");
    assert_eq!(count(store).await, (1, 0));
}

async fn reads_have_fault_points(store: &Store) {
    let broken = store.with_faults(Arc::new(Nth { n: 1, fault: Fault::Unavailable, seen: AtomicU32::new(0) }));
    assert!(matches!(broken.ping().await, Err(StoreError::Unavailable { .. })));
    assert_eq!(broken.ping().await, Ok(()));
}

struct Always;

impl Faults for Always {
    fn at(&self, name: &'static str) -> Option<Fault> {
        (name == "commit").then_some(Fault::Conflict)
    }
}

async fn a_lasting_conflict_becomes_unavailable(store: &Store) {
    let started = std::time::Instant::now();
    let result = seed(&store.with_faults(Arc::new(Always)), b"never").await;
    assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
    assert!((4..8).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(count(store).await, (0, 0));
}
