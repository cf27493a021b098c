//! Batches, which of all revisions 2025-03-26 alone has.

use super::{
    issuer,
    server::{Answer, Server, call, list, post},
    sessions::{self, accepting_events, in_session, open_session},
    stateless_revision::{behind, read_until},
    streams::{endless, rest},
};
use async_trait::async_trait;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{StreamBody, combinators::BoxBody};
use resource_server::{
    bearer::principal::Principal,
    mcp::request_id::RequestId,
    upstreams::{Message, ReplyBody, ToolDefinition, Upstream, UpstreamError, UpstreamReply},
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

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
    assert_eq!(answered(answer.text()), [json!("list"), json!("call")], "{}", answer.text());
}

/// The ids of what a stream answers.
fn answered(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages = data.filter_map(|data| serde_json::from_str::<Value>(data.trim_start()).ok());
    messages.filter(|message| message.get("method").is_none()).map(|message| message["id"].clone()).collect()
}

/// In a session every call is answered by a stream, which is there before the call is over.
#[tokio::test]
async fn the_calls_of_a_batch_in_a_session_run_one_after_the_other() {
    let (server, suite) = behind("legacy_sessions = true\nconcurrent_calls = 1").await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let mut second = endless(2);
    second["params"]["_meta"]["progressToken"] = "second".into();
    let batch = json!([
        endless(1),
        second,
        numbered(json!("list"), list()),
        numbered(json!(4), call("test_simple_text", json!({})))
    ]);
    let stream = server.open(in_session(accepting_events(post(&token, batch.to_string())), &session)).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut stream = stream.into_body();
    for (id, words) in [(1, "\"begun\""), (2, "\"second\"")] {
        read_until(&mut stream, words).await;
        assert_eq!((suite.running(), suite.most_running()), (1, 1), "before {id} is over");
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let cancelled = server.send(in_session(post(&token, cancel.to_string()), &session)).await;
        assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{}", cancelled.text());
    }
    let rest = rest(stream).await;
    assert_eq!(answered(&rest), [json!("list"), json!(4)], "{rest}");
    assert_eq!(suite.most_running(), 1);
}

/// Answers each call with a stream.
#[derive(Default)]
struct Streaming {
    running: Arc<AtomicUsize>,
    most: AtomicUsize,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Upstream for Streaming {
    fn tools(&self) -> Vec<ToolDefinition> {
        vec![ToolDefinition { name: "whoami".into(), json: "{}".into(), read_only: true }]
    }

    async fn call(&self, _: &Arc<Principal>, message: Message) -> Result<UpstreamReply, UpstreamError> {
        let id = message.envelope.as_ref().and_then(|envelope| envelope.id()).map_or("null", RequestId::as_json);
        let event = Bytes::from(format!("data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n\n"));
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let running = Running(self.running.clone());
        let frames = futures_util::stream::once(async move {
            tokio::task::yield_now().await;
            drop(running);
            Ok::<_, Infallible>(Frame::data(event))
        });
        let content_type = Some("text/event-stream".parse().expect("a value"));
        let body = ReplyBody::Stream(BoxBody::new(StreamBody::new(frames)));
        Ok(UpstreamReply { status: StatusCode::OK, content_type, session_id: None, body })
    }
}

/// A tool that says something before its answer streams without a session, too.
#[tokio::test]
async fn a_call_that_streams_is_over_before_the_next_one_of_its_batch() {
    let upstream = Arc::new(Streaming::default());
    let server = Server::start_around(issuer::start().await, "concurrent_calls = 1", Some(upstream.clone())).await;
    server.wait_until_ready().await;
    let token = server.token("mcp.read");
    let batch: Value = (1..=32).map(|id| numbered(json!(id), call("whoami", json!({})))).collect();
    let answer = send(&server, &token, &batch, None).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/event-stream"));
    assert_eq!(answered(answer.text()), (1..=32).map(|id| json!(id)).collect::<Vec<_>>());
    assert_eq!((upstream.most.load(Ordering::SeqCst), upstream.running.load(Ordering::SeqCst)), (1, 0));
    let next = send(&server, &token, &json!([numbered(json!(1), list())]), None).await;
    assert_eq!(next.status, StatusCode::OK, "the place comes back: {}", next.text());
}
