//! How an instance follows the change log: at once what it appended itself, and everything anew when its database was restored under it.

use super::{TestServer, database::for_each_database, test_server::START};
use auth_server::change_log::{
    Change, append,
    follower::{FOLLOW_INTERVAL, follow},
};
use shared::{
    binds,
    db::{Statement, Store, Tx},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

for_each_database!(
    what_an_instance_appends_it_follows_at_once,
    an_older_copy_is_loaded_anew,
    an_older_copy_that_outgrew_the_position_is_loaded_anew,
    another_database_is_loaded_anew,
    what_is_swept_behind_an_instance_is_no_restore,
);

const APPENDED: u32 = 20;
const LATE: &str = "http://localhost:9600/mcp";

const FORGET_RESOURCE: Statement = Statement::new("test.forget_resource", "DELETE FROM resource WHERE id = $1");
const FORGET_AFTER: Statement = Statement::new("test.forget_after", "DELETE FROM change_log WHERE position > $1");
const FORGET_BEFORE: Statement = Statement::new("test.forget_before", "DELETE FROM change_log WHERE position < $1");
const STEP_BACK: Statement = Statement::new("test.step_back", "UPDATE change_position SET position = $1");
const RENAME_HISTORY: Statement = Statement::new("test.rename_history", "UPDATE history SET id = 'another'");

async fn revoke(store: &Store, grant: &str) {
    store.write(|mut tx| async move { append(&mut tx, Change::GrantRevoked(grant), START).await }).await.expect("told");
}

fn position(server: &TestServer) -> i64 {
    server.app.follower.positions().borrow().position
}

fn knows_the_late_resource(server: &TestServer) -> bool {
    server.app.resources.find(LATE).is_some()
}

/// A server that knows a resource which the copy of its database, made before, does not hold; and where the copy's log ends.
async fn server_with_a_copy(store: &Store) -> (TestServer, i64) {
    let server = TestServer::start_on(store.clone(), "").await;
    let end_of_the_copy = position(&server);
    server.add_resource(LATE).await;
    revoke(store, "lost").await;
    server.follow().await;
    assert!(knows_the_late_resource(&server) && position(&server) > end_of_the_copy);
    (server, end_of_the_copy)
}

async fn restore_the_copy(store: &Store, end: i64) {
    let restore = |mut tx: Tx| async move {
        tx.execute(&FORGET_RESOURCE, binds![LATE]).await?;
        tx.execute(&FORGET_AFTER, binds![end]).await?;
        tx.execute(&STEP_BACK, binds![end]).await.map(drop)
    };
    store.write(restore).await.expect("restored");
}

async fn what_an_instance_appends_it_follows_at_once(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let stop = CancellationToken::new();
    tokio::spawn(follow(Arc::clone(&server.app), stop.clone()));
    let mut positions = server.app.follower.positions();
    let began = Instant::now();
    for _ in 0..APPENDED {
        // Behind a look that is under way: it would see what is appended now.
        server.follow().await;
        positions.borrow_and_update();
        revoke(store, "g").await;
        tokio::time::timeout(Duration::from_secs(10), positions.changed()).await.expect("followed").expect("lives");
    }
    // Each would wait for the next look.
    assert!(began.elapsed() < FOLLOW_INTERVAL * (APPENDED / 2), "{:?}", began.elapsed());
    stop.cancel();
}

async fn an_older_copy_is_loaded_anew(store: &Store) {
    let (server, end) = server_with_a_copy(store).await;
    restore_the_copy(store, end).await;
    server.follow().await;
    assert!(!knows_the_late_resource(&server));
    assert_eq!(position(&server), end);
    revoke(store, "new").await;
    server.follow().await;
    assert_eq!(position(&server), end + 1, "followed from there on");
}

async fn an_older_copy_that_outgrew_the_position_is_loaded_anew(store: &Store) {
    let (server, end) = server_with_a_copy(store).await;
    let held = position(&server);
    restore_the_copy(store, end).await;
    for _ in end..held + 3 {
        revoke(store, "new").await;
    }
    server.follow().await;
    assert!(!knows_the_late_resource(&server));
    assert_eq!(position(&server), held + 3);
}

async fn another_database_is_loaded_anew(store: &Store) {
    let (server, _) = server_with_a_copy(store).await;
    let held = position(&server);
    let replace = |mut tx: Tx| async move {
        tx.execute(&FORGET_RESOURCE, binds![LATE]).await?;
        tx.execute(&RENAME_HISTORY, binds![]).await.map(drop)
    };
    store.write(replace).await.expect("replaced");
    server.follow().await;
    assert!(!knows_the_late_resource(&server), "though the same row stands at the same place");
    assert_eq!(position(&server), held);
}

async fn what_is_swept_behind_an_instance_is_no_restore(store: &Store) {
    let (server, _) = server_with_a_copy(store).await;
    let held = position(&server);
    // Not told of: only loading anew would notice.
    let sweep = |mut tx: Tx| async move {
        tx.execute(&FORGET_RESOURCE, binds![LATE]).await?;
        tx.execute(&FORGET_BEFORE, binds![held]).await.map(drop)
    };
    store.write(sweep).await.expect("swept");
    server.follow().await;
    assert!(knows_the_late_resource(&server));
}
