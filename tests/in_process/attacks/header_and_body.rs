//! Headers say one thing to whatever stands in front, the body says another to us: in the revision that has such headers every
//! disagreement is refused, and in no revision is anything decided by them.

use crate::resource_server::{
    issuer,
    server::{Answer, Server, post},
};
use async_trait::async_trait;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use resource_server::{
    bearer::principal::Principal,
    upstreams::{Message, ReplyBody, ToolDefinition, Upstream, UpstreamError, UpstreamReply},
};
use serde_json::{Value, json};
use std::sync::Arc;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const MODERN: &str = "2026-07-28";

/// An upstream that looks at no header: what is refused, the pipeline refused.
struct Credulous;

#[async_trait]
impl Upstream for Credulous {
    fn tools(&self) -> Vec<ToolDefinition> {
        let json = json!({"name": "whoami", "inputSchema": {"type": "object"}}).to_string();
        vec![ToolDefinition { name: "whoami".into(), json, read_only: true }]
    }

    async fn call(&self, _: &Arc<Principal>, _: Message) -> Result<UpstreamReply, UpstreamError> {
        let content_type = Some(HeaderValue::from_static("application/json"));
        let body = ReplyBody::Whole(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into());
        Ok(UpstreamReply { status: StatusCode::OK, content_type, session_id: None, body })
    }
}

async fn start() -> Server {
    let settings = "requests_per_minute = 1000";
    let server = Server::start_around(issuer::start().await, settings, Some(Arc::new(Credulous))).await;
    server.wait_until_ready().await;
    server
}

fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

async fn send(server: &Server, message: &Value, headers: &[(&'static str, &[u8])]) -> Answer {
    let mut request = post(&server.token("mcp.read"), message.to_string());
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).expect("a value");
        request.headers_mut().append(HeaderName::from_static(name), value);
    }
    server.send(request).await
}

fn is_mismatch(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST && answer.code() == -32020 && answer.json()["id"] == 1
}

#[tokio::test]
async fn every_header_that_disagrees_is_refused() {
    let server = start().await;
    let call = message("tools/call", json!({"name": "whoami", "arguments": {}}));
    let good: [(&'static str, &[u8]); 3] = [(VERSION, b"2026-07-28"), (METHOD, b"tools/call"), (NAME, b"whoami")];
    let answer = send(&server, &call, &good).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let wrong: [(usize, &[&[u8]]); 3] = [
        (0, &[b"2025-11-25", b"2025-03-26", b"", b"2026-07-28 x", b"2026-07-280", b"\xff"]),
        (
            1,
            &[
                b"tools/list",
                b"Tools/Call",
                b"tools/call,tools/list",
                b"tools%2Fcall",
                b"",
                b"=?base64?dG9vbHMvY2FsbA==?=",
                b"\xff",
            ],
        ),
        (2, &[b"clear_events", b"WHOAMI", b"whoami,clear_events", b"who%61mi", b"", b"\xff", b"\"whoami\""]),
    ];
    for (at, values) in wrong {
        let mut without = good.to_vec();
        without.remove(at);
        assert!(is_mismatch(&send(&server, &call, &without).await), "without {}", good[at].0);
        for value in values {
            let mut headers = good;
            headers[at].1 = value;
            let answer = send(&server, &call, &headers).await;
            assert!(is_mismatch(&answer), "{}: {value:?}: {} {}", good[at].0, answer.status, answer.text());
        }
        for second in [good[at].1, b"clear_events"] {
            for order in [[good[at].1, second], [second, good[at].1]] {
                let mut headers = without.clone();
                headers.extend(order.map(|value| (good[at].0, value)));
                assert!(is_mismatch(&send(&server, &call, &headers).await), "{} twice: {order:?}", good[at].0);
            }
        }
    }
}

#[tokio::test]
async fn every_encoding_of_a_name_is_read_as_it_is_meant() {
    let server = start().await;
    let call = |name: &str| message("tools/call", json!({"name": name, "arguments": {}}));
    for (header, name, agrees) in [
        ("=?base64?d2hvYW1p?=", "whoami", true),
        ("=?base64?Y2xlYXJfZXZlbnRz?=", "whoami", false),
        ("=?base64?d2hvYW1p", "whoami", false),
        ("=?base64?d2hvYW1p?", "whoami", false),
        ("=?BASE64?d2hvYW1p?=", "whoami", false),
        ("=?base64?d2hvYW1p\\?=", "whoami", false),
        ("=?base64?d2hvYW1=?=", "whoami", false),
        ("=?base64??=", "whoami", false),
        ("=?base64?/w==?=", "whoami", false),
        ("=?base64?PT9iYXNlNjQ/ZDJodllXMXA/PQ==?=", "whoami", false),
        ("=?utf-8?q?whoami?=", "whoami", false),
    ] {
        let headers: [(&'static str, &[u8]); 3] =
            [(VERSION, b"2026-07-28"), (METHOD, b"tools/call"), (NAME, header.as_bytes())];
        let answer = send(&server, &call(name), &headers).await;
        assert_eq!(is_mismatch(&answer), !agrees, "{header}: {} {}", answer.status, answer.text());
        assert_eq!(answer.status == StatusCode::OK, agrees, "{header}");
    }
}

/// Every method that names something, with its own member.
#[tokio::test]
async fn what_is_named_is_the_member_that_the_method_means() {
    let server = start().await;
    for (method, params) in [
        ("tools/call", json!({"name": "whoami", "uri": "clear_events", "taskId": "clear_events"})),
        ("prompts/get", json!({"name": "whoami", "uri": "clear_events", "taskId": "clear_events"})),
        ("resources/read", json!({"uri": "whoami", "name": "clear_events", "taskId": "clear_events"})),
    ] {
        let headers = |name: &'static [u8]| -> [(&'static str, &[u8]); 3] {
            [(VERSION, b"2026-07-28"), (METHOD, method.as_bytes()), (NAME, name)]
        };
        let message = message(method, params);
        assert!(is_mismatch(&send(&server, &message, &headers(b"clear_events")).await), "{method}");
        assert!(!is_mismatch(&send(&server, &message, &headers(b"whoami")).await), "{method}");
    }
}

/// The other half: metadata that is missing, or of another kind, is not made up from headers.
#[tokio::test]
async fn headers_stand_in_for_nothing_in_the_body() {
    let server = Server::start().await;
    let headers: [(&'static str, &[u8]); 2] = [(VERSION, b"2026-07-28"), (METHOD, b"tools/list")];
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    for meta in [
        json!({}),
        json!({version: MODERN}),
        json!({capabilities: {}}),
        json!({version: null, capabilities: {}}),
        json!({version: [MODERN], capabilities: {}}),
        json!({version: MODERN, capabilities: []}),
        json!({version: MODERN, capabilities: "{}"}),
    ] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}});
        let answer = send(&server, &message, &headers).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32602), "{meta}");
    }
    let anonymous = message("tools/list", json!({}));
    assert_eq!(send(&server, &anonymous, &headers).await.status, StatusCode::OK, "clientInfo is not asked for");
}

/// In the older revisions those headers mean nothing: what is called, and whether it may be, is in the body.
#[tokio::test]
async fn in_older_revisions_the_headers_open_nothing() {
    let server = Server::start().await;
    let call = |tool: &str| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"title": "x"}}});
    let headers: [(&'static str, &[u8]); 3] = [(VERSION, b"2025-11-25"), (METHOD, b"tools/list"), (NAME, b"whoami")];
    let answer = send(&server, &call("create_event"), &headers).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    let headers: [(&'static str, &[u8]); 3] =
        [(VERSION, b"2025-11-25"), (METHOD, b"tools/call"), (NAME, b"create_event")];
    assert_eq!(send(&server, &call("whoami"), &headers).await.status, StatusCode::OK);
}
