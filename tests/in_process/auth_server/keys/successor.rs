//! The keys of refresh tokens: a new one for new families, the old ones as long as a family needs them.

use crate::auth_server::{TestServer, database::for_each_database};
use auth_server::{
    jobs::sweep::sweep_once,
    key_lifecycle::{rotate_successor_key, times::SUCCESSOR_KEY_PERIOD_SECONDS},
    store::successor_key,
};
use shared::{clock::Clock as _, db::Store};

for_each_database!(families_keep_their_key_and_new_ones_begin_under_the_next);

async fn rotate(server: &TestServer) -> bool {
    rotate_successor_key(&server.app.key_act()).await.expect("the job")
}

async fn families_keep_their_key_and_new_ones_begin_under_the_next(store: &Store) {
    let server = TestServer::start_on(store.clone(), "refresh_idle_lifetime = \"90d\"").await.and_app().await;
    // The client is confirmed by its first family, and stays.
    server.family().await;
    let first = server.app.successor_keys.current().id().to_owned();
    server.clock.advance(SUCCESSOR_KEY_PERIOD_SECONDS - 1);
    let old = server.family().await;
    assert!(!rotate(&server).await, "a second early");
    server.clock.advance(1);
    let act = server.app.key_act();
    let (one, two) = tokio::join!(rotate_successor_key(&act), rotate_successor_key(&act));
    assert_eq!(u32::from(one.expect("the job")) + u32::from(two.expect("the job")), 1, "one of two replaces it");

    // This instance has not heard of it, and refreshes what it knows.
    let refreshed = server.refresh(&old).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    server.follow().await;
    let second = server.app.successor_keys.current().id().to_owned();
    assert_eq!(server.audited("successor_key_replaced").await, 1);
    assert_ne!(first, second);
    let old = server.refresh(&refreshed.text("refresh_token")).await;
    assert_eq!(old.status, 200, "the old family goes on: {old:?}");
    let new = server.family().await;
    assert_eq!(server.refresh(&new).await.status, 200);

    server.clock.advance(91 * 24 * 3600);
    rotate(&server).await;
    server.follow().await;
    assert!(ids(store).await.contains(&first), "a grant still names it");
    server.clock.advance(31 * 24 * 3600);
    while sweep_once(store, server.clock.now()).await.expect("swept") > 0 {}
    assert!(rotate(&server).await);
    server.follow().await;
    let left = ids(store).await;
    assert!(!left.contains(&first), "{left:?}");
}

async fn ids(store: &Store) -> Vec<String> {
    let rows = successor_key::list(&mut store.read()).await.expect("keys");
    rows.into_iter().map(|row| row.id).collect()
}
