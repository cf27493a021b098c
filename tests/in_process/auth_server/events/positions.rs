//! From which position on a receiver is told, and how much of it at a time.

use super::{
    super::{
        TestServer,
        database::{Database, for_each_database},
        test_server::START,
    },
    ask_at_once, change_clients, look, revoke_grant, subjects,
};
use auth_server::jobs::sweep::sweep_once;
use serde_json::json;
use shared::{
    binds,
    db::{Statement, Store, Tx},
    protocol::event_poll::EVENTS_AN_ANSWER_MAX,
};

for_each_database!(
    a_database_that_was_replaced_is_read_from_its_beginning,
    a_restored_database_that_outgrew_the_position_is_read_from_its_beginning,
    a_swept_log_answers_receivers_behind_and_at_its_end,
);

#[tokio::test]
async fn pages_without_revocations_are_answered_at_once_until_the_last() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    change_clients(&server, 2500).await;
    revoke_grant(&server, "g", START).await;
    let mut page = ask_at_once(&server, &token, json!({})).await;
    let mut pages = 1;
    while page.more_available {
        assert!(page.sets.is_empty());
        page = ask_at_once(&server, &token, json!({"after": page.position})).await;
        pages += 1;
    }
    assert_eq!((pages, subjects(&server, &page)), (3, vec!["g".to_owned()]));
}

#[tokio::test]
async fn an_answer_holds_no_more_events_than_it_may_and_the_next_goes_on() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let count = EVENTS_AN_ANSWER_MAX + 5;
    for number in 0..count {
        revoke_grant(&server, &format!("g{number}"), START).await;
    }
    let first = ask_at_once(&server, &token, json!({"maxEvents": 100_000})).await;
    assert_eq!((first.sets.len(), first.more_available), (EVENTS_AN_ANSWER_MAX, true));
    let second = ask_at_once(&server, &token, json!({"after": first.position})).await;
    assert_eq!((second.sets.len(), second.more_available), (5, false));
    assert_eq!(subjects(&server, &second)[4], format!("g{}", count - 1));
}

#[tokio::test]
async fn a_full_page_with_nothing_behind_it_is_the_last() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    change_clients(&server, 1000).await;
    assert!(!look(&server, &token, json!({"after": position})).await.more_available);
}

#[tokio::test]
async fn a_position_that_is_none_is_answered_from_the_beginning_at_once() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    revoke_grant(&server, "g", START).await;
    let ours = look(&server, &token, json!({})).await.position;
    let (history, rest) = ours.split_once('.').expect("parts");
    let ahead = format!("{history}.{}.x", 1_000_000);
    let (foreign, forged) = (format!("elsewhere.{rest}"), format!("{}x", ours));
    for position in ["", "nonsense", &ahead, &foreign, &forged, "-1"] {
        let page = ask_at_once(&server, &token, json!({"after": position})).await;
        assert_eq!((subjects(&server, &page), &page.position), (vec!["g".to_owned()], &ours), "{position}");
        let page = ask_at_once(&server, &token, json!({"ack": [position]})).await;
        assert_eq!(subjects(&server, &page), ["g"], "{position}");
    }
}

async fn a_database_that_was_replaced_is_read_from_its_beginning(store: &Store) {
    let old = TestServer::start().await;
    let new = TestServer::start_on(store.clone(), "").await;
    for server in [&old, &new] {
        revoke_grant(server, "g", START).await;
    }
    let held = look(&old, &old.machine_token().await, json!({})).await.position;
    let token = new.machine_token().await;
    let answer = ask_at_once(&new, &token, json!({"after": held})).await;
    assert_eq!(subjects(&new, &answer), ["g"], "the same row at the same place of another database");
}

const FORGET_LAST: Statement = Statement::new(
    "test.forget_last",
    "DELETE FROM change_log WHERE position = (SELECT position FROM change_position)",
);
const STEP_BACK: Statement = Statement::new("test.step_back", "UPDATE change_position SET position = position - 1");

/// Takes the last change back, as restoring an older copy of the database does.
async fn restore_the_copy_before(server: &TestServer) {
    let step = |mut tx: Tx| async move {
        tx.execute(&FORGET_LAST, binds![]).await?;
        tx.execute(&STEP_BACK, binds![]).await.map(drop)
    };
    server.app.store.write(step).await.expect("restored");
}

async fn a_restored_database_that_outgrew_the_position_is_read_from_its_beginning(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let token = server.machine_token().await;
    revoke_grant(&server, "kept", START).await;
    revoke_grant(&server, "lost", START + 1).await;
    let held = look(&server, &token, json!({})).await;
    restore_the_copy_before(&server).await;
    let behind = ask_at_once(&server, &token, json!({"after": held.position})).await;
    assert_eq!(subjects(&server, &behind), ["kept"], "the position does not exist yet");
    revoke_grant(&server, "new", START + 9).await;
    revoke_grant(&server, "newer", START + 10).await;
    let outgrown = ask_at_once(&server, &token, json!({"after": held.position})).await;
    assert_eq!(subjects(&server, &outgrown), ["kept", "new", "newer"], "another row stands at its place");
}

async fn a_swept_log_answers_receivers_behind_and_at_its_end(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let token = server.machine_token().await;
    let behind = look(&server, &token, json!({})).await.position;
    revoke_grant(&server, "old", START).await;
    let end = look(&server, &token, json!({})).await.position;
    let later = START + 30 * 24 * 3600;
    sweep_once(store, later).await.expect("swept");
    server.clock.advance(later - START);
    let token = server.machine_token().await;
    let idle = look(&server, &token, json!({"after": end})).await;
    assert_eq!((idle.sets.len(), &idle.position), (0, &end), "the last row stays, whatever its age");
    revoke_grant(&server, "young", later).await;
    for after in [&behind, &end] {
        let answer = ask_at_once(&server, &token, json!({"after": after})).await;
        assert_eq!(subjects(&server, &answer).last().map(String::as_str), Some("young"), "{after}");
    }
}

#[tokio::test]
async fn any_instance_answers_from_a_position_of_another() {
    let database = Database::sqlite_memory().await;
    let server = TestServer::start_on(database.store().clone(), "").await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    let other = server.another("").await;
    revoke_grant(&server, "g", START).await;
    let answer = ask_at_once(&other, &token, json!({"after": position})).await;
    assert_eq!(subjects(&other, &answer), ["g"]);
}
