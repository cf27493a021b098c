//! MCP 2026-07-28, as a client sees it: the tools of the official suite behind our pipeline, and our own.

use super::{
    issuer::{self, Play},
    server::{Answer, IN_TIME, Server, list, post},
};
use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use resource_server::{
    bearer::principal::Principal,
    upstreams::{Message, ToolDefinition, Upstream, UpstreamError, UpstreamReply, rmcp_upstream::RmcpUpstream},
};
use serde_json::{Value, json};
use shared::protocol::security_event::RevocationKind;
use std::{net::TcpListener, sync::Arc};
use system_tests::{
    conformance_server::{ConformanceServer, ENDLESS, tools},
    poll::until,
};

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The suite's tools behind a server of ours.
pub async fn behind(settings: &str) -> (Server, ConformanceServer) {
    behind_at(issuer::start().await, settings).await
}

/// The same in front of this issuer.
pub async fn behind_at(issuer: Arc<Play>, settings: &str) -> (Server, ConformanceServer) {
    let fixture = ConformanceServer::default();
    let (served, stop) = (fixture.clone(), fixture.stop.clone());
    let make = move |limits: &_| Arc::new(RmcpUpstream::new(served, &tools(), limits, stop)) as Arc<dyn Upstream>;
    let server = Server::start_before(issuer, settings, make).await;
    server.wait_until_ready().await;
    (server, fixture)
}

/// A message of the stateless revision, with the headers that mirror it.
pub fn modern(token: &str, mut message: Value) -> Request<Body> {
    let meta = &mut message["params"]["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    if meta.get(CAPABILITIES).is_none() {
        meta[CAPABILITIES] = json!({});
    }
    let mut request = post(token, message.to_string());
    let name = message["params"]["name"].as_str().or_else(|| message["params"]["uri"].as_str());
    let method = message["method"].as_str().unwrap_or_default();
    let pairs = [("mcp-protocol-version", Some("2026-07-28")), ("mcp-method", Some(method)), ("mcp-name", name)];
    for (header, value) in pairs {
        if let Some(value) = value {
            request.headers_mut().insert(header, value.parse().expect("a value"));
        }
    }
    request
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "r", "method": method, "params": params})
}

fn call(tool: &str) -> Value {
    request("tools/call", json!({"name": tool, "arguments": {}}))
}

/// The messages of a stream of events.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim_start()).ok()).collect()
}

/// Reads `body` until these words.
pub async fn read_until(body: &mut Body, words: &str) -> String {
    let mut text = String::new();
    while !text.contains(words) {
        let frame = tokio::time::timeout(IN_TIME, body.frame()).await.expect("in time").expect("a frame");
        text.push_str(&String::from_utf8_lossy(frame.expect("no error").data_ref().expect("data")));
    }
    text
}

/// Reads `body` until its next message.
async fn first_event(body: &mut Body) -> Value {
    events(&read_until(body, "jsonrpc").await).into_iter().next().expect("a message")
}

#[tokio::test]
async fn an_answer_says_what_it_is_who_gave_it_and_how_long_it_may_be_kept() {
    let (suite, _) = behind("").await;
    let ours = Server::start().await;
    for (server, tool) in [(&suite, "test_simple_text"), (&ours, "whoami")] {
        let token = server.token("mcp.read");
        let discovered = server.send(modern(&token, request("server/discover", json!({})))).await;
        assert_eq!(discovered.status, StatusCode::OK, "{}", discovered.text());
        let result = &discovered.json()["result"];
        assert_eq!(result["resultType"], "complete");
        assert!(result["supportedVersions"].as_array().is_some_and(|all| all.contains(&json!("2026-07-28"))));
        assert!(result["capabilities"]["tools"].is_object(), "{result}");
        assert!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].is_string(), "{result}");
        assert!(result["ttlMs"].is_u64() && result["cacheScope"].is_string(), "{result}");
        let listed = server.send(modern(&token, request("tools/list", json!({})))).await.json();
        assert_eq!(
            (&listed["result"]["resultType"], &listed["result"]["cacheScope"]),
            (&json!("complete"), &json!("private"))
        );
        assert_eq!(listed["result"]["_meta"], result["_meta"], "the same server");
        assert_eq!(listed["result"]["ttlMs"], 0, "what may be seen depends on the token");
        let called = server.send(modern(&token, call(tool))).await.json();
        assert_eq!(called["result"]["resultType"], "complete", "{called}");
    }
}

#[tokio::test]
async fn what_the_revision_removed_is_404() {
    let (server, _) = behind("legacy_sessions = true").await;
    let token = server.token("mcp.read");
    for method in ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "no/such/method"] {
        let params = json!({"uri": "test://static-text", "level": "info"});
        let mut removed = modern(&token, request(method, params));
        removed.headers_mut().remove("mcp-name");
        let answer = server.send(removed).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, -32601), "{method}");
    }
    for method in ["GET", "DELETE"] {
        let mut removed = super::sessions::bare(method, &token);
        removed.headers_mut().insert("mcp-protocol-version", "2026-07-28".parse().expect("a value"));
        removed.headers_mut().insert("last-event-id", "0".parse().expect("a value"));
        let answer = server.send(removed).await;
        assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS"));
    }
    let mut ignored = modern(&token, call("test_simple_text"));
    ignored.headers_mut().insert("mcp-session-id", "nobody's".parse().expect("a value"));
    ignored.headers_mut().insert("last-event-id", "7".parse().expect("a value"));
    assert_eq!(server.send(ignored).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_message_a_post_and_none_of_it_an_answer() {
    let (server, _) = behind("").await;
    let token = server.token("mcp.read");
    let send = async |body: Value| -> Answer {
        let mut request = post(&token, body.to_string());
        request.headers_mut().insert("mcp-protocol-version", "2026-07-28".parse().expect("a value"));
        request.headers_mut().insert("mcp-method", "tools/list".parse().expect("a value"));
        server.send(request).await
    };
    for body in [
        json!([call("test_simple_text")]),
        json!([]),
        json!({"jsonrpc": "2.0", "id": "r", "result": {}}),
        json!({"jsonrpc": "2.0", "id": "r", "error": {"code": 1, "message": "x"}}),
    ] {
        let answer = send(body.clone()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32600), "{body}");
    }
}

#[tokio::test]
async fn a_notification_is_202_or_refused_and_never_answered() {
    let (server, _) = behind("").await;
    let token = server.token("mcp.read");
    let note = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "r"}});
    let accepted = server.send(modern(&token, note.clone())).await;
    assert_eq!((accepted.status, accepted.text()), (StatusCode::ACCEPTED, ""));
    let mut contradicted = modern(&token, note);
    contradicted.headers_mut().insert("mcp-method", "notifications/initialized".parse().expect("a value"));
    let refused = server.send(contradicted).await;
    assert_eq!(
        (refused.status, refused.code(), &refused.json()["id"]),
        (StatusCode::BAD_REQUEST, -32020, &Value::Null)
    );
}

#[tokio::test]
async fn a_revision_that_nobody_speaks_is_told_which_are() {
    let (server, _) = behind("").await;
    let token = server.token("mcp.read");
    for version in ["2099-01-01", "1.0", "2026-07-27"] {
        let mut message = request("tools/list", json!({}));
        message["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": version, CAPABILITIES: {}});
        let mut request = post(&token, message.to_string());
        request.headers_mut().insert("mcp-protocol-version", version.parse().expect("a value"));
        request.headers_mut().insert("mcp-method", "tools/list".parse().expect("a value"));
        let answer = server.send(request).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32022), "{version}");
        let data = &answer.json()["error"]["data"];
        assert_eq!(data["requested"], version);
        assert!(data["supported"].as_array().is_some_and(|all| all.contains(&json!("2026-07-28"))), "{data}");
    }
}

#[tokio::test]
async fn a_capability_that_was_not_declared_is_named() {
    let (server, _) = behind("").await;
    let token = server.token("mcp.read");
    let answer = server.send(modern(&token, call("test_missing_capability"))).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32021), "{}", answer.text());
    assert!(answer.json()["error"]["data"]["requiredCapabilities"]["sampling"].is_object(), "{}", answer.text());
    let mut able = call("test_missing_capability");
    able["params"]["_meta"] = json!({CAPABILITIES: {"sampling": {}}});
    assert_eq!(server.send(modern(&token, able)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stream_tells_what_belongs_to_the_call_and_ends_with_its_answer() {
    let (server, _) = behind("").await;
    let token = server.token("mcp.read");
    let mut with_progress = call("test_tool_with_progress");
    with_progress["params"]["_meta"] = json!({"progressToken": "p"});
    let answer = server.send(modern(&token, with_progress)).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/event-stream"));
    assert_eq!((answer.header("x-accel-buffering"), answer.header("cache-control")), ("no", "no-store"));
    let events = events(answer.text());
    let methods: Vec<Option<&str>> = events.iter().map(|event| event["method"].as_str()).collect();
    assert_eq!(methods, [vec![Some("notifications/progress"); 3], vec![None]].concat(), "{}", answer.text());
    assert!(events.iter().all(|event| event["method"].is_null() || event["id"].is_null()), "no request of the server");
    assert_eq!((&events[3]["id"], &events[3]["result"]["resultType"]), (&json!("r"), &json!("complete")));
}

#[tokio::test]
async fn who_stops_listening_cancels() {
    let (server, fixture) = behind("").await;
    let token = server.token("mcp.read");
    let mut body = server.open(modern(&token, call(ENDLESS))).await.into_body();
    assert_eq!(first_event(&mut body).await["method"], "notifications/message");
    assert_eq!(fixture.running(), 1);
    drop(body);
    until("the call is over", IN_TIME, || async { (fixture.running() == 0).then_some(()) }).await.expect("cancelled");
}

#[tokio::test]
async fn a_subscription_begins_with_what_it_will_tell_and_ends_with_the_grant() {
    let (server, fixture) = behind("").await;
    let token = server.token("mcp.read");
    let wanted = request("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let stream = server.open(modern(&token, wanted)).await;
    assert_eq!(
        (stream.status(), &stream.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().expect("a value"))
    );
    let mut body = stream.into_body();
    let begun = first_event(&mut body).await;
    assert_eq!(begun["method"], "notifications/subscriptions/acknowledged", "{begun}");
    assert_eq!(begun["params"]["_meta"][SUBSCRIPTION], "r", "{begun}");
    for tool in ["test_trigger_prompt_change", "test_trigger_tool_change"] {
        assert_eq!(server.send(modern(&token, call(tool))).await.status, StatusCode::OK);
    }
    let told = first_event(&mut body).await;
    assert_eq!(told["method"], "notifications/tools/list_changed", "and nothing that was not asked for: {told}");
    assert_eq!(told["params"]["_meta"][SUBSCRIPTION], "r", "{told}");
    assert!(body.frame().now_or_never().is_none(), "it stays open");
    assert_eq!(fixture.listeners(), 1);
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    let rest = tokio::time::timeout(IN_TIME, body.collect()).await;
    assert!(rest.is_ok(), "it ends with the grant");
    until("nobody listens", IN_TIME, || async { (fixture.listeners() == 0).then_some(()) }).await.expect("told");
}

/// What a client carries for the server between two rounds is not believed, and nobody is asked what they cannot answer.
#[tokio::test]
async fn what_a_call_needs_is_asked_in_its_answer() {
    let (server, _) = behind("").await;
    let token = server.token("mcp.read");
    let first = server.send(modern(&token, call("test_input_required_result_request_state"))).await.json();
    assert_eq!(first["result"]["resultType"], "input_required", "{first}");
    let state = first["result"]["requestState"].as_str().expect("a state").to_owned();
    let second = |state: &str| {
        let mut second = call("test_input_required_result_request_state");
        second["params"]["requestState"] = state.into();
        second["params"]["inputResponses"] = json!({"confirm": {"action": "accept", "content": {"ok": true}}});
        modern(&token, second)
    };
    let done = server.send(second(&state)).await.json();
    assert_eq!(done["result"]["content"][0]["text"], "state-ok", "{done}");
    let tampered = server.send(second(&state.replacen(|_: char| true, "_", 1))).await;
    assert_eq!(tampered.code(), -32602, "{}", tampered.text());
    let nobody = server.send(modern(&token, call("test_input_required_result_capabilities"))).await.json();
    assert_eq!(nobody["result"]["resultType"], "complete", "{nobody}");
}

/// Two instances that know nothing of each other, and no word before the first call.
#[tokio::test]
async fn any_instance_answers_any_call() {
    let issuer = issuer::start().await;
    let (first, second) =
        (Server::start_unready(issuer.clone(), "").await, Server::start_unready(issuer.clone(), "").await);
    first.wait_until_ready().await;
    second.wait_until_ready().await;
    let token = first.token("mcp.read");
    for server in [&first, &second, &first, &second] {
        let answer = server.send(modern(&token, call("whoami"))).await;
        assert_eq!(answer.json()["result"]["structuredContent"]["subject"], "alice", "{}", answer.text());
    }
}

/// A tool whose schema points elsewhere.
struct Pointing(String);

#[async_trait]
impl Upstream for Pointing {
    fn tools(&self) -> Vec<ToolDefinition> {
        let json = json!({"name": "whoami", "inputSchema": {"type": "object", "properties": {"a": {"$ref": self.0}}}});
        vec![ToolDefinition { name: "whoami".into(), json: json.to_string(), read_only: true }]
    }

    async fn call(&self, _: &Arc<Principal>, _: Message) -> Result<UpstreamReply, UpstreamError> {
        Err(UpstreamError::Failed { cause: "not called".into() })
    }
}

#[tokio::test]
async fn a_schema_that_points_into_the_network_is_passed_on_and_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("not blocking");
    let address = format!("http://{}/schema.json", elsewhere.local_addr().expect("an address"));
    let upstream = Arc::new(Pointing(address.clone()));
    let server = Server::start_around(issuer::start().await, "", Some(upstream)).await;
    server.wait_until_ready().await;
    let listed = server.post(&server.token("mcp.read"), &list()).await;
    assert!(listed.text().contains(&address), "{}", listed.text());
    assert!(elsewhere.accept().is_err(), "nobody came to fetch it");
}
