//! `/api/admin/audit`.

use super::super::{TestServer, database::for_each_database, test_server::START};
use auth_server::audit::chain_events;
use serde_json::{Value, json};
use shared::{
    db::{Statement, Store, StoreError, Tx},
    random::SystemRandom,
};

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
    let event = &server.admin_get("/audit?user_id=ann").await.json()["items"][0];
    assert_eq!((&event["user_email"], &event["actor"]), (&json!("ann@example.com"), &json!("client ops")), "{event}");
    assert_eq!(event["actor_name"], json!("ops"), "what whoever did it is called: {event}");
    assert!(event["address_block"].is_string(), "{event}");
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

#[tokio::test]
async fn the_chain_is_handed_over_page_by_page_with_its_hashes() {
    let server = TestServer::administered().await;
    for name in ["a@example.com", "b@example.com", "c@example.com"] {
        server.admin("POST", "/users", &json!({ "email": name })).await;
    }
    chain_events(&server.app.store, &server.app.audit_key, &SystemRandom).await.expect("chained");
    let (mut path, mut hash, mut lines) = ("/audit/export?limit=2".to_owned(), None, 0);
    loop {
        let page = server.admin_get(&path).await.json();
        let items = page["items"].as_array().expect("items");
        assert!(hash.is_none_or(|hash| page["after_hash"] == hash), "a page begins where the one before ended: {page}");
        assert_eq!(items[0]["sequence"].as_i64(), page["after_sequence"].as_i64().map(|after| after + 1));
        assert!(items.iter().all(|item| item["mac"].is_string() && item["kind"].is_string()), "{page}");
        lines += items.len();
        hash = items.last().map(|last| last["hash"].clone());
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(hash, Some(page["last_hash"].clone()));
            break;
        };
        path = format!("/audit/export?limit=2&cursor={cursor}");
    }
    let verdict = server.admin_get("/audit/verify").await.json();
    assert_eq!(verdict["rows"].as_u64(), u64::try_from(lines).ok());
    let later = server.admin_get(&format!("/audit/export?since={}", START + 1_000_000)).await.json();
    assert_eq!((&later["items"], &later["after_hash"]), (&json!([]), &later["last_hash"]));
    assert_eq!(server.admin_get("/audit/export?cursor=nonsense").await.status, 400);
}
