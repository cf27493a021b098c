//! `/api/admin/audit`.

use super::super::{TestServer, database::for_each_database, test_server::START};
use serde_json::{Value, json};
use shared::db::{Statement, Store, StoreError, Tx};

for_each_database!(what_was_tampered_with_is_found);

async fn what_was_tampered_with_is_found(store: &Store) {
    const CHANGE: Statement =
        Statement::new("test.change_event", "UPDATE audit_event SET detail = 'other' WHERE sequence = 2");
    let server = TestServer::administered_on(store.clone()).await;
    server.record_events(3, START).await;
    let chained = server.chain().await;
    let verdict = server.admin_get("/audit/verify").await.json();
    assert_eq!((&verdict["intact"], &verdict["rows"]), (&json!(true), &json!(chained)), "{verdict}");
    assert_eq!(server.admin_get("/audit?limit=1&kind=client_added").await.json()["items"][0]["kind"], "client_added");
    let checkpoint = verdict["checkpoint"].as_str().expect("one").to_owned();
    let again = server.admin_get(&format!("/audit/verify?checkpoint={checkpoint}")).await.json();
    assert_eq!(again["intact"], true, "{again}");
    let (sequence, _) = checkpoint.split_once(':').expect("two parts");
    let other = server.admin_get(&format!("/audit/verify?checkpoint={sequence}:{}", "0".repeat(64))).await.json();
    assert_eq!(other["intact"], false, "{other}");
    let malformed = server.admin_get("/audit/verify?checkpoint=yesterday").await;
    assert_eq!((malformed.status.as_u16(), &malformed.json()["field"]), (400, &json!("checkpoint")));
    let work = |mut tx: Tx| async move { tx.execute(&CHANGE, []).await };
    assert_eq!(store.write::<_, StoreError, _, _>(work).await.expect("changed"), 1);
    let broken = server.admin_get("/audit/verify").await.json();
    assert_eq!((&broken["intact"], &broken["broken_at"]), (&json!(false), &json!(2)), "{broken}");
}

#[tokio::test]
async fn the_newest_comes_first_and_filters_narrow() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    server.admin("POST", "/users/ann/disable", &Value::Null).await;
    server.clock.advance(10);
    server.admin("POST", "/users/ann/enable", &Value::Null).await;
    let kinds = async |query: &str| {
        let page = server.admin_get(&format!("/audit{query}")).await.json();
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("?user_id=ann").await, ["user_enabled", "user_disabled"]);
    assert_eq!(kinds("?kind=user_disabled").await, ["user_disabled"]);
    let since = shared::clock::Clock::now(&*server.clock) - 5;
    assert_eq!(kinds(&format!("?since={since}")).await, ["user_enabled"]);
    assert_eq!(kinds(&format!("?user_id=ann&until={since}")).await, ["user_disabled"]);
    assert!(kinds(&format!("?user_id=ann&since={since}&until={since}")).await.is_empty());
    assert_eq!(kinds("?client_id=ops").await, ["machine_tokens_taken"], "by which all of this was done");
    assert!(kinds("?client_id=console").await.is_empty());
    assert_eq!(kinds("?actor=ops&user_id=ann").await, ["user_enabled", "user_disabled"]);
    assert_eq!(kinds("?actor=client&user_id=ann").await, ["user_enabled", "user_disabled"]);
    assert!(kinds("?actor=root").await.is_empty());
    let root = server.token_of_user("root", super::given::CONSOLE, "postern.admin");
    server.call("POST", "/api/admin/users/ann/disable", &root, &Value::Null).await;
    for actor in ["root", "console", "administrator"] {
        assert_eq!(kinds(&format!("?actor={actor}")).await, ["user_disabled"], "{actor}");
    }
    assert_eq!(server.admin_get("/audit?since=yesterday").await.status, 400);
    let unknown = server.admin_get("/audit?kind=nosuch").await;
    assert_eq!(unknown.status, 400, "{unknown:?}");
    assert!(unknown.body.contains("user_enabled") && unknown.body.contains("client_removed"), "{unknown:?}");
    let event = &server.admin_get("/audit?kind=user_enabled").await.json()["items"][0];
    assert_eq!(event["actor"], json!("client ops"));
}
