//! The key-encryption key is replaced while servers run.

use crate::auth_server::{ManualClock, database::for_each_database, keys_at_start::start_at, test_server::START};
use auth_server::{
    app::App,
    audit::Actor,
    key_lifecycle::{
        KeyAct, KeyLifecycleError, SEALED_COLUMNS, replace_key_encryption_key, sealed_columns::check_sealed_columns,
        signing_keys,
    },
    store::audit_event,
};
use shared::{
    db::{Fault, Faults, Store},
    random::SystemRandom,
    sealing::{KeyEncryptionKeys, Sealing},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

for_each_database!(
    everything_is_sealed_anew_and_the_old_key_can_go,
    a_run_that_was_killed_is_run_again,
    a_missing_key_is_named_before_anything_starts,
);

fn line() -> String {
    KeyEncryptionKeys::generate(&SystemRandom).to_text().expose().to_owned()
}

fn sealing(text: &str) -> Sealing {
    Sealing::new(KeyEncryptionKeys::parse(text).expect("keys"), Arc::new(SystemRandom))
}

async fn start(store: &Store, keys: &str) -> Arc<App> {
    start_at(store, keys, &Arc::new(ManualClock::at(START))).await
}

fn act<'a>(store: &'a Store, sealing: &'a Sealing) -> KeyAct<'a> {
    KeyAct { store, sealing, random: &SystemRandom, by: &Actor::CommandLine, now: START }
}

async fn sealed_under(store: &Store) -> Vec<String> {
    let mut ids = Vec::new();
    for column in SEALED_COLUMNS {
        let of_column = column.key_ids(&mut store.read()).await.expect("read");
        assert!(!of_column.is_empty(), "{} holds something", column.table);
        ids.extend(of_column.into_iter().map(|(id, _)| id));
    }
    ids.sort();
    ids.dedup();
    ids
}

async fn everything_is_sealed_anew_and_the_old_key_can_go(store: &Store) {
    let (old, new) = (line(), line());
    let before = start(store, &old).await;
    // Every server is told of the new key first, as one that only opens; then it seals.
    let both = start(store, &format!("{old}{new}")).await;
    let switched = start(store, &format!("{new}{old}")).await;
    let form = both.sealing.seal_text("a form", START + 600, b"state");

    let new_sealing = sealing(&format!("{new}{old}"));
    let mut heard = Vec::new();
    let done = replace_key_encryption_key(&act(store, &new_sealing), |column| heard.push(column.clone())).await;
    let done = done.expect("resealed");
    assert_eq!(done, heard);
    let events = audit_event::list_unchained(&mut store.read(), 1000).await.expect("read");
    assert_eq!(events.iter().filter(|event| event.kind == "key_encryption_key_replaced").count(), 1);
    assert!(done.iter().any(|column| (column.table, column.rows) == ("audit_key", 1)), "{done:?}");
    assert_eq!(
        done.iter().map(|column| (column.table, column.rows)).take(2).collect::<Vec<_>>(),
        [("signing_key", 2), ("successor_key", 1)]
    );
    assert_eq!(sealed_under(store).await, [new_sealing.current_key_id()]);

    for running in [&both, &switched] {
        running.reload_keys().await.expect("who knows both keys goes on");
        assert_eq!(running.keys.jwks(), before.keys.jwks());
    }
    assert_eq!(&*switched.sealing.open_text("a form", START + 599, &form).expect("in flight"), b"state");
    let after = start(store, &new).await;
    assert_eq!(after.keys.jwks(), before.keys.jwks(), "the same keys");
    assert_eq!(after.successor_keys.current().id(), before.successor_keys.current().id());
    let again = replace_key_encryption_key(&act(store, &new_sealing), |_| {}).await.expect("resealed");
    assert!(again.iter().all(|column| column.rows == 0), "{again:?}");
}

/// Lets so many rows be sealed anew, then fails.
struct After(AtomicU32);

impl Faults for After {
    fn at(&self, name: &'static str) -> Option<Fault> {
        if !name.ends_with(".reseal") {
            return None;
        }
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.is_err().then_some(Fault::FailBefore)
    }
}

async fn a_run_that_was_killed_is_run_again(store: &Store) {
    let (old, new) = (line(), line());
    let before = start(store, &old).await;
    let new_sealing = sealing(&format!("{new}{old}"));
    for rows in 0..3 {
        let failing = store.with_faults(Arc::new(After(AtomicU32::new(u32::from(rows > 0)))));
        replace_key_encryption_key(&act(&failing, &new_sealing), |_| {}).await.expect_err("killed");
        let between = start(store, &format!("{new}{old}")).await;
        assert_eq!(between.keys.jwks(), before.keys.jwks(), "after {rows} rows everything opens");
    }
    replace_key_encryption_key(&act(store, &new_sealing), |_| {}).await.expect("resealed");
    assert_eq!(sealed_under(store).await, [new_sealing.current_key_id()]);
    assert_eq!(start(store, &new).await.keys.jwks(), before.keys.jwks());
}

async fn a_missing_key_is_named_before_anything_starts(store: &Store) {
    let (old, new) = (line(), line());
    signing_keys::create_missing(&act(store, &sealing(&old))).await.expect("keys");
    let only_new = KeyEncryptionKeys::parse(&new).expect("keys");
    let refused = check_sealed_columns(store, &only_new).await.expect_err("rows need the old one");
    let KeyLifecycleError::RowsSealedUnderUnknownKey { table, key_id, rows } = &refused else { panic!("{refused}") };
    assert_eq!((*table, *rows), ("signing_key", 2));
    assert!(old.starts_with(key_id.as_str()) && refused.to_string().lines().count() == 1, "{refused}");
    let error = replace_key_encryption_key(&act(store, &sealing(&new)), |_| {}).await.expect_err("it does not open");
    assert!(matches!(error, KeyLifecycleError::Sealing(_)), "{error}");
}
