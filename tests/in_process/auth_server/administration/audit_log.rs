//! `/api/admin/audit`.

use super::super::TestServer;
use serde_json::{Value, json};

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
    assert_eq!(kinds("?client_id=ops").await, ["machine_tokens_taken"], "by which all of this was done");
    assert_eq!(server.admin_get("/audit?since=yesterday").await.status, 400);
    let event = &server.admin_get("/audit?kind=user_enabled").await.json()["items"][0];
    assert_eq!(event["actor"], json!("client ops"));
}
