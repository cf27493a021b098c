//! What has expired is forgotten, and nothing else.

use super::{TestServer, database::for_each_database, given};
use auth_server::{
    jobs::sweep::sweep_once,
    store::{self, client},
};
use shared::db::{Store, StoreError};

for_each_database!(unconfirmed_clients_go_and_living_ones_stay, expired_things_go_and_living_ones_stay);

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
