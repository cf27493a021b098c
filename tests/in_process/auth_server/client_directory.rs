//! The client cache: quick, and never behind the change log.

use super::{TestServer, database::for_each_database, given};
use auth_server::audit::Actor;
use auth_server::{clients::administer::remove_client, store::client};
use shared::{db::Store, random::SystemRandom};

for_each_database!(a_removed_client_is_gone_as_soon_as_the_change_is_followed);

async fn a_removed_client_is_gone_as_soon_as_the_change_is_followed(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let inserted = &given::public_client("c");
    store.write(|mut tx| async move { client::insert(&mut tx, inserted).await }).await.expect("inserted");
    let find = || async { server.app.clients.find("c").await.expect("the store") };
    assert!(find().await.is_some());
    let now = inserted.created_at;
    assert!(remove_client(store, &SystemRandom, &Actor::CommandLine, "c", now).await.expect("removed"));
    assert!(!remove_client(store, &SystemRandom, &Actor::CommandLine, "c", now).await.expect("asked"), "only once");
    server.follow().await;
    assert!(find().await.is_none());
    assert!(find().await.is_none(), "and stays so");
}
