//! `GET /api/revocations`: a view of the change log.

use super::{TestServer, answer::Answer, test_server::START};
use auth_server::change_log::{Change, append};
use serde_json::{Value, json};
use shared::db::{StoreError, Tx};
use std::time::Duration;

async fn revoke(server: &TestServer, grant: &str, at: i64) {
    let store = &server.app.store;
    store
        .write(|mut tx| async move { append(&mut tx, Change::GrantRevoked(grant), at).await })
        .await
        .expect("appended");
}

async fn ask(server: &TestServer, token: &str, query: &str) -> Answer {
    server.call("GET", &format!("/api/revocations{query}"), token, &Value::Null).await
}

#[tokio::test]
async fn revocations_come_in_order_and_other_changes_stay_in_the_house() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let before = ask(&server, &token, "?after=0").await.json();
    assert_eq!(before["events"], json!([]), "enrolment and resources are no revocations");
    revoke(&server, "g1", START + 1).await;
    revoke(&server, "g2", START + 2).await;
    let position = before["position"].as_i64().expect("a position");
    let after = ask(&server, &token, &format!("?after={position}")).await.json();
    let subjects: Vec<_> = after["events"].as_array().expect("events").iter().map(|event| &event["subject"]).collect();
    assert_eq!(subjects, ["g1", "g2"]);
    assert_eq!(after["events"][0]["kind"], "grant");
    assert_eq!(after["events"][0]["at"], START + 1);
    assert_eq!(after["position"], position + 2);
    assert_eq!(ask(&server, &token, &format!("?after={}", position + 2)).await.json()["events"], json!([]));
}

#[tokio::test]
async fn without_a_position_everything_that_may_still_matter_is_answered() {
    let server = TestServer::start().await;
    revoke(&server, "old", START - 2 * 24 * 3600).await;
    revoke(&server, "young", START - 60).await;
    let token = server.machine_token().await;
    let answer = ask(&server, &token, "").await.json();
    let subjects: Vec<_> = answer["events"].as_array().expect("events").iter().map(|event| &event["subject"]).collect();
    assert_eq!(subjects, ["young"]);
}

#[tokio::test]
async fn a_waiting_poll_hears_of_a_revocation_at_once() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let position = ask(&server, &token, "?after=0").await.json()["position"].as_i64().expect("a position");
    let query = format!("?after={position}&wait_seconds=15");
    let poll = ask(&server, &token, &query);
    let revoking = async {
        tokio::task::yield_now().await;
        revoke(&server, "g", START).await;
        server.follow().await;
    };
    let both = async { tokio::join!(poll, revoking).0 };
    let answer = tokio::time::timeout(Duration::from_secs(10), both).await.expect("long before the wait ends").json();
    assert_eq!(answer["events"][0]["subject"], "g");
}

async fn change_clients(server: &TestServer, times: usize) {
    let append_all = |mut tx: Tx| async move {
        for _ in 0..times {
            append(&mut tx, Change::ClientChanged("c"), START).await?;
        }
        Ok::<_, StoreError>(())
    };
    server.app.store.write(append_all).await.expect("appended");
}

/// Asks as a receiver that would wait, and must not have to.
async fn ask_at_once(server: &TestServer, token: &str, query: &str) -> Value {
    let query = format!("?wait_seconds=15{query}");
    let answer = ask(server, token, &query);
    tokio::time::timeout(Duration::from_secs(10), answer).await.expect("no wait while something is left").json()
}

#[tokio::test]
async fn pages_without_revocations_are_answered_at_once_until_the_last() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    change_clients(&server, 2500).await;
    revoke(&server, "g", START).await;
    let mut page = ask_at_once(&server, &token, "").await;
    let mut pages = 1;
    while page["complete"] == false {
        assert_eq!(page["events"], json!([]));
        page = ask_at_once(&server, &token, &format!("&after={}", page["position"])).await;
        pages += 1;
    }
    assert_eq!((pages, &page["events"][0]["subject"]), (3, &json!("g")));
}

#[tokio::test]
async fn a_full_page_with_nothing_behind_it_is_the_last() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let position = ask(&server, &token, "?after=0").await.json()["position"].as_i64().expect("a position");
    change_clients(&server, 1000).await;
    let page = ask(&server, &token, &format!("?after={position}")).await.json();
    assert_eq!((&page["complete"], &page["position"]), (&json!(true), &json!(position + 1000)));
}

#[tokio::test]
async fn a_position_of_another_history_is_answered_with_ours_at_once() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let ours = ask(&server, &token, "?after=0").await.json()["position"].as_i64().expect("a position");
    let page = ask_at_once(&server, &token, &format!("&after={}", ours + 50)).await;
    assert_eq!((&page["position"], &page["events"]), (&json!(ours), &json!([])), "a restored database is not hidden");
}

#[tokio::test]
async fn unusable_queries_are_refused() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    for query in ["?after=x", "?after=-1", "?after=1&after=2", "?wait_seconds=soon"] {
        let answer = ask(&server, &token, query).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{query}");
    }
}
