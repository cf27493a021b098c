//! The built-in tools: kept per user, bounded, honest about what they were given.

use super::server::{Server, list, open};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn result(answer: &super::server::Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["result"]["structuredContent"].clone()
}

#[tokio::test]
async fn events_belong_to_their_user_whatever_the_client() {
    let server = Server::start().await;
    let scope = "mcp.read mcp.write";
    let alice = server.token(scope);
    let created = result(&server.call(&alice, "create_event", json!({"title": " Lunch ", "starts_at": "noon"})).await);
    assert_eq!(created["event"]["title"], "Lunch");
    assert_eq!(created["event"]["created_at"], server.now());
    let elsewhere = server.token_of("alice", "another client", scope);
    let events = result(&server.call(&elsewhere, "list_events", json!({})).await);
    assert_eq!(events["events"][0], created["event"]);
    let bob = server.token_of("bob", "client", scope);
    assert_eq!(result(&server.call(&bob, "list_events", json!({})).await), json!({"events": []}));
    let mut claims = server.claims("mcp.admin");
    (claims["sub"], claims["roles"], claims["jti"]) = (json!("root"), json!(["administrator"]), json!("r"));
    let cleared = result(&server.call(&server.sign(&claims), "clear_events", json!({})).await);
    assert_eq!(cleared, json!({"removed": 0}), "an administrator clears their own events");
    assert_eq!(
        result(&server.call(&alice, "list_events", json!({})).await)["events"].as_array().expect("a list").len(),
        1
    );
}

#[tokio::test]
async fn what_is_kept_for_one_organization_is_not_seen_for_another() {
    let server = Server::start().await;
    let token = |organization: &str| {
        let mut claims = server.claims("mcp.read mcp.write");
        if !organization.is_empty() {
            (claims["organization_id"], claims["tenant_id"]) = (json!(organization), json!("tenant"));
        }
        claims["jti"] = json!(format!("for {organization}"));
        server.sign(&claims)
    };
    let who = result(&server.call(&token("acme"), "whoami", json!({})).await);
    assert_eq!((&who["organization_id"], &who["tenant_id"]), (&json!("acme"), &json!("tenant")));
    let alone = result(&server.call(&token(""), "whoami", json!({})).await);
    assert!(alone.get("organization_id").is_none() && alone.get("tenant_id").is_none());
    for (organization, title) in [("acme", "in acme"), ("beta", "in beta"), ("", "alone")] {
        result(&server.call(&token(organization), "create_event", json!({ "title": title })).await);
    }
    for (organization, title) in [("acme", "in acme"), ("beta", "in beta"), ("", "alone")] {
        let listed = result(&server.call(&token(organization), "list_events", json!({})).await);
        let titles: Vec<_> = listed["events"].as_array().expect("a list").iter().map(|event| &event["title"]).collect();
        assert_eq!(titles, [title], "{organization}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_statements_run_on_postgresql() {
    let database = system_tests::postgres::empty().await.expect("PostgreSQL");
    let server = Server::start_over(open(&database.database_url().expect("a URL")).await).await;
    let mut claims = server.claims("mcp.admin");
    claims["roles"] = json!(["administrator"]);
    let token = server.sign(&claims);
    for title in ["a", "b"] {
        let created = result(&server.call(&token, "create_event", json!({"title": title})).await);
        assert!(created["event"].get("starts_at").is_none());
    }
    let listed = result(&server.call(&token, "list_events", json!({"limit": 1})).await);
    assert_eq!(listed["events"].as_array().expect("a list").len(), 1);
    assert_eq!(result(&server.call(&token, "clear_events", json!({})).await), json!({"removed": 2}));
    assert_eq!(result(&server.call(&token, "list_events", json!({})).await), json!({"events": []}));
}

#[tokio::test]
async fn wrong_arguments_are_explained_and_keep_nothing() {
    let server = Server::start().await;
    let token = server.token("mcp.read mcp.write");
    for arguments in [
        json!({}),
        json!({"title": ""}),
        json!({"title": "   "}),
        json!({"title": "x".repeat(201)}),
        json!({"title": 7}),
        json!({"title": "a\u{0}b"}),
        json!({"title": "x", "starts_at": "x".repeat(65)}),
        json!("title"),
    ] {
        let answer = server.call(&token, "create_event", arguments.clone()).await;
        let refused = answer.json()["error"]["code"] == -32602 || answer.json()["result"]["isError"] == true;
        assert!(refused, "{arguments}: {}", answer.text());
    }
    assert_eq!(result(&server.call(&token, "list_events", json!({})).await), json!({"events": []}));
}

#[tokio::test]
async fn whoami_says_what_the_token_says() {
    let server = Server::start().await;
    let who = result(&server.call(&server.token("mcp.read"), "whoami", json!({})).await);
    assert_eq!(who["subject"], "alice");
    assert_eq!(who["client_id"], "client");
    assert_eq!(who["issuer"], server.issuer.url);
    assert_eq!(who["scopes"], json!(["mcp.read"]));
}

#[tokio::test]
async fn a_list_describes_each_tool() {
    let server = Server::start().await;
    let answer = server.post(&server.token("mcp.read"), &list()).await.json();
    for tool in answer["result"]["tools"].as_array().expect("tools") {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert!(tool["description"].as_str().is_some_and(|words| !words.is_empty()), "{tool}");
        assert!(tool["annotations"]["title"].is_string(), "{tool}");
    }
}
