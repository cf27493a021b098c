//! Single use is decided by the database.

use super::{
    database::{count, rotate, seed},
    for_each_database,
};
use shared::{
    binds,
    db::{Fetch as _, Statement, Store},
};
use tokio::task::JoinSet;

for_each_database!(of_32_consumers_one_wins, a_counter_loses_no_step, readers_see_what_was_committed);

async fn of_32_consumers_one_wins(store: &Store) {
    for round in 0..5u8 {
        let token = vec![b'A', round];
        seed(store, &token).await.unwrap();
        let mut racers = JoinSet::new();
        for racer in 0..32u8 {
            let (store, token) = (store.clone(), token.clone());
            racers.spawn(async move { rotate(&store, &token, &[b'B', round, racer]).await.unwrap() });
        }
        let wins = racers.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(wins, 1);
    }
    assert_eq!(count(store).await, (10, 5));
}

/// The change log takes its positions from such a row.
async fn a_counter_loses_no_step(store: &Store) {
    const START: Statement = Statement::new("duty.start", "insert into duty(name, on_call) values ('counter', 0)");
    const STEP: Statement =
        Statement::new("duty.step", "update duty set on_call = on_call + 1 where name = $1 returning on_call");
    store.write(|mut tx| async move { tx.execute(&START, []).await }).await.unwrap();
    let mut steps = JoinSet::new();
    for _ in 0..40 {
        let store = store.clone();
        steps.spawn(async move {
            let position = store.write(|mut tx| async move {
                let row = tx.fetch_optional(&STEP, binds!["counter"]).await?.unwrap();
                row.get::<i64>("on_call")
            });
            position.await
        });
    }
    let mut positions: Vec<_> = steps.join_all().await.into_iter().map(Result::unwrap).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=40).collect::<Vec<_>>());
}

async fn readers_see_what_was_committed(store: &Store) {
    const FIND: Statement = Statement::new("token.find", "select family from token where hash = $1");
    let mut reader = store.read();
    for number in 0..50u8 {
        seed(store, &[number]).await.unwrap();
        // Through the trait, as store functions do.
        let row = async |db: &mut shared::db::Reader| db.fetch_all(&FIND, binds![vec![number]]).await;
        assert_eq!(row(&mut reader).await.unwrap().len(), 1);
    }
}
