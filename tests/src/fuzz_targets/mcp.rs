//! What MCP clients send.

use super::lines;
use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use resource_server::mcp::{
    batch::{BATCH_MESSAGES_MAX, is_batch, split},
    envelope::{Envelope, Kind, METHOD_MAX_BYTES, parse},
    era::{
        Era, METHOD_HEADER, NAME_HEADER, SUPPORTED_VERSIONS, VERSION_HEADER, check_batch, of_batched_message,
        of_headers, of_message,
    },
    json_rpc_error::JsonRpcError,
};
use serde_json::{Value, json};

/// One message: whatever the rules read of it is what any other reader reads.
pub fn json_rpc_envelope(bytes: &[u8]) {
    match parse(bytes) {
        Err(error) => is_an_answer(&error),
        // Numbers and characters that nothing here looks at may be more than another reader takes.
        Ok(envelope) => {
            let Ok(whole) = serde_json::from_slice::<Value>(bytes) else { return };
            agrees(&envelope, &whole);
            for era in [of_message(&envelope, &HeaderMap::new()), of_batched_message(&envelope, &HeaderMap::new())] {
                era.map_or_else(|error| is_an_answer(&error), |era| assert_eq!(era, Era::Legacy, "without headers"));
            }
        }
    }
}

fn agrees(envelope: &Envelope, whole: &Value) {
    assert!(whole.is_object() && whole["jsonrpc"] == "2.0");
    match &envelope.kind {
        Kind::Request(id) => {
            let id: Value = serde_json::from_str(id.as_json()).expect("an id is JSON");
            assert!(id == whole["id"] && (id.is_string() || id.is_i64()));
        }
        Kind::Notification => assert!(whole.get("id").is_none()),
        Kind::Response => assert!(whole.get("method").is_none_or(Value::is_null)),
    }
    if envelope.kind == Kind::Response {
        return;
    }
    assert_eq!(whole["method"], *envelope.method);
    assert!((1..=METHOD_MAX_BYTES).contains(&envelope.method.len()));
    let params = &envelope.params;
    for (name, read) in
        [("name", &params.name), ("uri", &params.uri), ("taskId", &params.task_id), ("cursor", &params.cursor)]
    {
        assert_eq!(whole["params"][name].as_str(), read.as_deref(), "{name}");
    }
    let meta = &whole["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"].as_str(), envelope.meta_version());
}

/// A refusal is JSON-RPC, whatever it refuses.
fn is_an_answer(error: &JsonRpcError) {
    let body: Value = serde_json::from_slice(&error.body()).expect("a refusal is JSON");
    assert!(body["jsonrpc"] == "2.0" && body["error"]["code"] == error.code && error.status.is_client_error());
}

/// A batch: its parts are what an array of values is, and no more than so many.
pub fn json_rpc_batch(bytes: &[u8]) {
    let body = Bytes::copy_from_slice(bytes);
    match split(&body) {
        Err(error) => is_an_answer(&error),
        Ok(members) => {
            assert!((1..=BATCH_MESSAGES_MAX).contains(&members.len()));
            let Ok(whole) = serde_json::from_slice::<Vec<Value>>(bytes) else { return };
            let parts: Vec<Value> =
                members.iter().map(|member| serde_json::from_slice(member).expect("a part is JSON")).collect();
            assert_eq!(parts, whole);
        }
    }
}

/// Lines: the headers of a message (revision, method, name; absent when empty), and the message. What is taken says the same in both places.
pub fn message_headers(bytes: &[u8]) {
    let Some([version, method, name, body]) = lines(bytes) else { return };
    let mut headers = HeaderMap::new();
    for (header, value) in [(VERSION_HEADER, version), (METHOD_HEADER, method), (NAME_HEADER, name)] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(header, value);
        }
    }
    let version = headers.get(VERSION_HEADER).map(HeaderValue::as_bytes);
    match check_batch(&headers) {
        Ok(()) => assert!(version.is_none_or(|version| version == b"2025-03-26"), "one revision has batches"),
        Err(error) => is_an_answer(&error),
    }
    let Ok(envelope) = parse(body.as_bytes()) else { return };
    assert!(!is_batch(body.as_bytes()));
    let is_supported = |version: &[u8]| SUPPORTED_VERSIONS.iter().any(|known| known.as_bytes() == version);
    match of_message(&envelope, &headers) {
        Err(error) => {
            is_an_answer(&error);
            assert_eq!(error.id.as_ref(), envelope.id(), "whoever asked is told");
        }
        Ok(_) if &*envelope.method == "initialize" => {}
        Ok(era) => {
            assert!(version.is_none_or(is_supported), "nobody speaks it");
            let said = envelope.meta_version();
            assert!(said.is_none() || version == said.map(str::as_bytes), "one message, one revision");
            let modern = version == Some(b"2026-07-28") || &*envelope.method == "server/discover";
            assert_eq!(era == Era::Modern, modern || said.is_some());
            if era == Era::Modern && envelope.kind != Kind::Response {
                assert_eq!(headers[METHOD_HEADER], *envelope.method, "who routes by the header reads the same");
                assert_eq!(of_headers(&headers), if version.is_some() { Era::Modern } else { Era::Legacy });
            }
        }
    }
    match of_batched_message(&envelope, &headers) {
        Ok(era) => assert!(era == Era::Legacy && &*envelope.method != "initialize", "no handshake in a batch"),
        Err(error) => is_an_answer(&error),
    }
}

/// A header value and the name in a body: they agree as they are, or encoded in the one way there is, and in no other.
pub fn mirrored_name(bytes: &[u8]) {
    let Some([header, name]) = lines(bytes) else { return };
    let encoded = format!("=?base64?{}?=", STANDARD.encode(name));
    assert!(mirrors(&encoded, name), "the encoding of every name is read");
    if mirrors(header, name) {
        assert!(header == name || header == encoded, "{header:?} is not {name:?}");
    }
}

fn mirrors(header: &str, name: &str) -> bool {
    let Ok(header) = HeaderValue::from_str(header) else { return false };
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "_meta": meta}});
    let envelope = parse(message.to_string().as_bytes()).expect("a message");
    let values = [
        (VERSION_HEADER, HeaderValue::from_static("2026-07-28")),
        (METHOD_HEADER, HeaderValue::from_static("tools/call")),
        (NAME_HEADER, header),
    ];
    let headers: HeaderMap = values.into_iter().collect();
    of_message(&envelope, &headers) == Ok(Era::Modern)
}
