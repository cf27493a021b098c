//! What has expired is forgotten, and nothing else.

use super::{TestServer, database::for_each_database, given, test_server::START};
use auth_server::{
    jobs::{
        AUDIT_CHAIN, AUDIT_RETENTION, SWEEP,
        elected::ElectedJob,
        sweep::{ADVANCE_MAX_SECONDS, advance_sweep_time, sweep_once},
    },
    store::{self, client},
};
use shared::db::{Store, StoreError};
use std::sync::Arc;

for_each_database!(
    unconfirmed_clients_go_and_living_ones_stay,
    expired_things_go_and_living_ones_stay,
    a_clock_that_jumps_ahead_forgets_nothing_that_lives,
    what_was_not_swept_for_long_is_made_up_in_steps,
);

async fn unconfirmed_clients_go_and_living_ones_stay(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let mut confirmed = given::public_client("confirmed");
    confirmed.confirmed_at = Some(confirmed.created_at);
    let forgotten = given::public_client("forgotten");
    for client in [&confirmed, &forgotten] {
        store.write(|mut tx| async move { client::insert(&mut tx, client).await }).await.expect("inserted");
    }
    let day = 24 * 3600;
    assert_eq!(sweep_once(store, forgotten.created_at + day).await.expect("swept"), 0, "exactly a day is not over it");
    assert_eq!(sweep_once(store, forgotten.created_at + day + 1).await.expect("swept"), 1);
    let found = |id| async move { client::find(&mut store.read(), id).await.expect("the store") };
    assert!(found("forgotten").await.is_none() && found("confirmed").await.is_some());
    drop(server);
}

async fn expired_things_go_and_living_ones_stay(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let now = 2_000_000_000;
    let write = |mut tx| async move {
        let tx = &mut tx;
        store::used_assertion::consume(tx, "c", "old", now - 10_000).await?;
        store::used_assertion::consume(tx, "c", "young", now + 60).await?;
        store::decided_request::insert(tx, "old", now - 20_000, now - 10_000).await?;
        store::decided_request::insert(tx, "young", now, now + 600).await?;
        Ok::<_, StoreError>(())
    };
    store.write(write).await.expect("written");
    sweep_once(store, now).await.expect("swept");
    let replay = |mut tx| async move {
        let tx = &mut tx;
        let young = store::used_assertion::consume(tx, "c", "young", now + 60).await?;
        let decided = store::decided_request::insert(tx, "young", now, now + 600).await?;
        let old = store::used_assertion::consume(tx, "c", "old", now - 10_000).await?;
        Ok::<_, StoreError>((young, decided, old))
    };
    let (young, decided, old) = store.write(replay).await.expect("written");
    assert!(!young && !decided, "what may still be replayed is remembered");
    assert!(old, "what no check accepts any more is forgotten");
    assert_eq!(sweep_once(store, now).await.expect("swept"), 1, "the old assertion again, and nothing else");
    drop(server);
}

/// One run of an elected job, whoever holds its lease.
async fn run(server: &TestServer, job: &ElectedJob) {
    (job.run)(Arc::clone(&server.app)).await.expect("it does its work");
}

async fn a_clock_that_jumps_ahead_forgets_nothing_that_lives(store: &Store) {
    const YEARS: i64 = 10 * 365 * 24 * 3600;
    let server = TestServer::start_on(store.clone(), "").await.and_app().await;
    let (family, code) = (server.family().await, server.give(&given::Given::USUAL).await);
    run(&server, &AUDIT_CHAIN).await;
    for job in [&SWEEP, &AUDIT_RETENTION] {
        run(&server, job).await;
    }
    let chained = async || {
        let rows = store::audit_event::list_chained(&mut store.read(), 0, 1000).await.expect("read");
        rows.first().map(|row| row.id.clone())
    };
    let (first, grants) = (chained().await, server.grants().await);
    assert!(first.is_some());

    server.clock.advance(YEARS);
    for _ in 0..3 {
        for job in [&SWEEP, &AUDIT_RETENTION] {
            run(&server, job).await;
        }
    }
    assert_eq!((chained().await, server.grants().await), (first.clone(), grants), "years later by the clock");
    server.clock.advance(-YEARS);
    for job in [&SWEEP, &AUDIT_RETENTION] {
        run(&server, job).await;
    }
    assert_eq!(chained().await, first);
    assert_eq!(server.redeem(&code).await.status, 200, "the clock is right again, and so is the code");
    assert_eq!(server.refresh(&family).await.status, 200);
}

async fn what_was_not_swept_for_long_is_made_up_in_steps(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let consume = |mut tx| async move { store::used_assertion::consume(&mut tx, "c", "j", START + 60).await };
    assert!(store.write::<_, StoreError, _, _>(consume).await.expect("written"));
    run(&server, &SWEEP).await;
    server.clock.advance(24 * 3600);
    run(&server, &SWEEP).await;
    assert!(!store.write::<_, StoreError, _, _>(consume).await.expect("written"), "one step is not enough");
    run(&server, &SWEEP).await;
    assert!(store.write::<_, StoreError, _, _>(consume).await.expect("written"), "forgotten");
    let mut last = START;
    for _ in 0..200 {
        let at = advance_sweep_time(store, START + 24 * 3600).await.expect("advanced");
        assert!(at >= last && at - last <= 3 * ADVANCE_MAX_SECONDS);
        last = at;
    }
    assert_eq!(last, START + 24 * 3600, "and no further than the clock");
    assert_eq!(advance_sweep_time(store, START).await.expect("advanced"), START, "back with it at once");
}
