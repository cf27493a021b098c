//! Batches, which of all revisions 2025-03-26 alone has.

use super::{
    server::{Answer, Server, call, list, post},
    sessions::{self, accepting_events, in_session, open_session},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

async fn send(server: &Server, token: &str, batch: &Value, version: Option<&'static str>) -> Answer {
    let mut request = post(token, batch.to_string());
    request.headers_mut().extend(version.map(|version| {
        (axum::http::HeaderName::from_static("mcp-protocol-version"), version.parse().expect("a value"))
    }));
    server.send(request).await
}

fn numbered(id: Value, mut message: Value) -> Value {
    message["id"] = id;
    message
}

fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

#[tokio::test]
async fn every_request_of_a_batch_is_answered_in_one_array() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    let batch = json!([
        numbered(json!("a"), list()),
        initialized(),
        numbered(json!(2), call("whoami", json!({}))),
        numbered(json!(3), call("no_such_tool", json!({}))),
        {"jsonrpc": "2.0", "id": 4, "method": "no/such/method"},
    ]);
    for version in [None, Some("2025-03-26")] {
        let answer = send(&server, &token, &batch, version).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
        let answers = answer.json();
        let ids: Vec<&Value> = answers.as_array().expect("an array").iter().map(|answer| &answer["id"]).collect();
        assert_eq!(ids, [&json!("a"), &json!(2), &json!(3), &json!(4)], "{answers}");
        assert!(answers[0]["result"]["tools"].is_array());
        assert_eq!(answers[1]["result"]["structuredContent"]["subject"], "alice");
        assert_eq!((&answers[2]["error"]["code"], &answers[3]["error"]["code"]), (&json!(-32602), &json!(-32601)));
    }
    let nothing_to_say = send(&server, &token, &json!([initialized(), initialized()]), None).await;
    assert_eq!((nothing_to_say.status, nothing_to_say.text()), (StatusCode::ACCEPTED, ""));
}

#[tokio::test]
async fn no_other_revision_has_batches() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for (version, code) in [
        ("2024-11-05", -32600),
        ("2025-06-18", -32600),
        ("2025-11-25", -32600),
        ("2026-07-28", -32600),
        ("2099-01-01", -32022),
    ] {
        let answer = send(&server, &token, &json!([list()]), Some(version)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, code), "{version}");
    }
}

#[tokio::test]
async fn what_cannot_be_in_a_batch_refuses_all_of_it() {
    let server = Server::start().await;
    let token = server.token("mcp.read mcp.write");
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let create = call("create_event", json!({"title": "tea"}));
    for (bad, code) in [
        (json!({"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {}}), -32600),
        (json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {"_meta": meta}}), -32020),
        (json!({"jsonrpc": "2.0", "id": 2, "method": "server/discover", "params": {}}), -32602),
        (json!([list()]), -32600),
        (json!({"jsonrpc": "1.0", "id": 2, "method": "ping"}), -32600),
        (json!(7), -32700),
    ] {
        let answer = send(&server, &token, &json!([create, bad]), None).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, code), "{bad}");
    }
    let events = server.call(&token, "list_events", json!({})).await;
    assert_eq!(events.json()["result"]["structuredContent"]["events"], json!([]), "nothing was run");
}

#[tokio::test]
async fn every_message_of_a_batch_counts() {
    let server = Server::start_with("requests_per_minute = 5").await;
    let token = server.token("mcp.read");
    let batch = |count: usize| Value::from(vec![list(); count]);
    assert_eq!(send(&server, &token, &batch(3), None).await.status, StatusCode::OK);
    let refused = send(&server, &token, &batch(3), None).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.text());
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_batch_in_a_session_is_one_stream() {
    let server = Server::start_with(sessions::SETTINGS).await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let batch = json!([numbered(json!("list"), list()), numbered(json!("call"), call("whoami", json!({})))]);
    let answer = server.send(in_session(accepting_events(post(&token, batch.to_string())), &session)).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/event-stream"));
    let data: Vec<Value> = answer
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim_start()).ok())
        .collect();
    let ids: Vec<&Value> = data.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!("list"), &json!("call")], "{}", answer.text());
}
