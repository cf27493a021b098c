//! Streams of sessions, for the tests that read them: a call that goes on, one that asks, and what they say.

use super::{
    server::{IN_TIME, Server, call},
    sessions::open_session_with,
};
use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use system_tests::conformance_server::ENDLESS;

/// A call that says `begun` and does not end.
pub fn endless(id: u32) -> Value {
    let mut endless = call(ENDLESS, json!({}));
    endless["id"] = id.into();
    endless["params"]["_meta"] = json!({"progressToken": "begun"});
    endless
}

/// A session whose client can be asked.
pub async fn open_asked(server: &Server, token: &str) -> String {
    open_session_with(server, token, &json!({"elicitation": {}})).await
}

/// The question in a stream.
pub fn question(stream: &str) -> Value {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let mut messages = data.filter_map(|data| serde_json::from_str::<Value>(data.trim_start()).ok());
    messages
        .find(|message| message["method"] == "elicitation/create")
        .unwrap_or_else(|| panic!("a question in {stream}"))
}

/// What the client says to it.
pub fn answer_to(question: &Value, name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"username": name, "email": "e"}}})
}

/// What a stream says until its end.
pub async fn rest(stream: Body) -> String {
    let rest = tokio::time::timeout(IN_TIME, stream.collect()).await.expect("it ends in time").expect("no error");
    String::from_utf8(rest.to_bytes().to_vec()).expect("UTF-8")
}
