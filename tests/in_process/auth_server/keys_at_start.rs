//! Keys at the first start: however many instances begin together, there is one active key an algorithm, and all load it.

use super::{ManualClock, database::for_each_database, test_server::START};
use auth_server::{
    app::{App, Parts},
    audit::Actor,
    config::Settings,
    key_lifecycle::{KeyAct, KeyFile, KeyLifecycleError, load_key_encryption_keys, signing_keys},
    store,
};
use shared::{
    config::Sources,
    db::Store,
    ephemeral::MemoryEphemeral,
    random::SystemRandom,
    sealing::{KeyEncryptionKeys, Sealing},
    trace::Tracer,
};
use std::{path::Path, sync::Arc};

for_each_database!(several_instances_that_start_at_once_agree, a_replaced_key_reaches_a_running_instance);

fn settings(data_dir: &Path) -> Settings {
    let sources = Sources::new().with_flag("shared", "data_dir", "--data-dir", data_dir.display().to_string());
    Settings::load(&sources).expect("settings")
}

async fn start(store: &Store, key_encryption_keys: &str) -> Arc<App> {
    start_at(store, key_encryption_keys, &Arc::new(ManualClock::at(START))).await
}

/// An instance on this database, with these key-encryption keys and this clock.
pub async fn start_at(store: &Store, key_encryption_keys: &str, clock: &Arc<ManualClock>) -> Arc<App> {
    auth_server::install_crypto_provider();
    let random = Arc::new(SystemRandom);
    let keys = KeyEncryptionKeys::parse(key_encryption_keys).expect("keys");
    let parts = Parts {
        settings: settings(Path::new("unused")),
        store: store.clone(),
        clock: Arc::<ManualClock>::clone(clock),
        sealing: Sealing::new(keys, random.clone()),
        random,
        key_file: KeyFile::default(),
        ephemeral: Arc::new(MemoryEphemeral::new(clock.clone())),
        tracer: Tracer::default(),
    };
    App::build(parts).await.expect("an application")
}

async fn several_instances_that_start_at_once_agree(store: &Store) {
    let keys = KeyEncryptionKeys::generate(&SystemRandom).to_text();
    let (one, two, three) =
        tokio::join!(start(store, keys.expose()), start(store, keys.expose()), start(store, keys.expose()));
    assert_eq!(store::signing_key::list(&mut store.read()).await.expect("keys").len(), 2);
    for other in [&two, &three] {
        assert_eq!(one.keys.jwks(), other.keys.jwks());
        assert_eq!(one.successor_keys.current().id(), other.successor_keys.current().id());
        assert!(other.keys.can_sign());
    }
    let again = start(store, keys.expose()).await;
    assert_eq!(one.keys.jwks(), again.keys.jwks(), "a later start finds them");
}

/// What another instance did to the keys is followed through the change log.
async fn a_replaced_key_reaches_a_running_instance(store: &Store) {
    let keys = KeyEncryptionKeys::generate(&SystemRandom).to_text();
    let app = start(store, keys.expose()).await;
    app.keys.suspend();
    assert!(!app.keys.can_sign());
    let append = |mut tx| async move {
        auth_server::change_log::append(&mut tx, auth_server::change_log::Change::SigningKeysChanged("kid"), START)
            .await
    };
    store.write(append).await.expect("appended");
    auth_server::change_log::follower::catch_up(&app).await.expect("followed");
    assert!(app.keys.can_sign(), "the keys were loaded again");
}

#[tokio::test]
async fn a_lost_key_encryption_key_is_never_replaced_in_silence() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let store = super::database::Database::sqlite_memory().await.store().clone();
    let first = load_key_encryption_keys(&settings, &store, &SystemRandom).await.expect("made while nothing is sealed");
    let again = load_key_encryption_keys(&settings, &store, &SystemRandom).await.expect("found again");
    assert_eq!(first.to_text().expose(), again.to_text().expose());
    let sealing = Sealing::new(first, Arc::new(SystemRandom));
    let by = &Actor::Installation;
    let act = KeyAct { store: &store, sealing: &sealing, random: &SystemRandom, by, now: START };
    signing_keys::create_missing(&act).await.expect("keys");
    let file = directory.path().join(auth_server::key_lifecycle::KEY_ENCRYPTION_KEY_FILE);
    std::fs::remove_file(&file).expect("lost");
    let refused = load_key_encryption_keys(&settings, &store, &SystemRandom).await;
    let Err(error @ KeyLifecycleError::KeyEncryptionKeyMissing(_)) = refused else { panic!("{:?}", refused.err()) };
    assert_eq!(error.to_string().lines().count(), 1);
    assert!(!file.exists(), "no new one was made");
}
