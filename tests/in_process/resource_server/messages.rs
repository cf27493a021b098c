//! Bodies, envelopes, eras and methods: what is answered to what is no message.

use super::{
    server::{Server, list, post, request},
    sessions::handshake,
};
use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::convert::Infallible;

#[tokio::test]
async fn a_body_is_bounded_in_size_announced_or_not() {
    let server = Server::start_with("body_max = 2048").await;
    let token = server.token("mcp.read");
    let padded = |bytes: usize| format!("{}{}", list(), " ".repeat(bytes - list().to_string().len()));
    assert_eq!(server.send(post(&token, padded(2048))).await.status, StatusCode::OK);
    let refused = server.send(post(&token, padded(2049))).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.text().contains("longer than 2048 bytes (body_max)"), "{}", refused.text());
    let pieces = padded(4096).into_bytes();
    let stream = futures_util::stream::iter(
        pieces.chunks(500).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect::<Vec<_>>(),
    );
    let answer = server.send(post(&token, Body::from_stream(stream))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.header("x-ratelimit-limit"), "120", "the limit is told with every answer after it");
}

#[tokio::test]
async fn a_body_that_does_not_end_is_408() {
    let server = Server::start_with("body_timeout = 1").await;
    let never = futures_util::stream::pending::<Result<Bytes, Infallible>>();
    let answer = server.send(post(&server.token("mcp.read"), Body::from_stream(never))).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn what_is_no_message_is_a_json_rpc_error() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{}1{}}}}}"#, "[".repeat(500), "]".repeat(500));
    let long_id = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(257));
    let cases = [
        ("{", -32700, Value::Null),
        ("", -32700, Value::Null),
        (deep.as_str(), -32700, Value::Null),
        ("[]", -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, Value::Null),
        (long_id.as_str(), -32600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":"x","method":"ping"}"#, -32600, json!("x")),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[]}"#, -32602, json!(7)),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#, -32602, json!(7)),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":1}}"#, -32602, json!(7)),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":"x"}}"#, -32602, json!(7)),
        (r#"{"jsonrpc":"2.0","id":8,"result":{}}"#, -32600, Value::Null),
    ];
    for (body, code, id) in cases {
        let answer = server.send(post(&token, body.to_owned())).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, code), "{body}");
        assert_eq!(answer.json()["id"], id, "{body}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

/// By line and column, and never with what stands there.
#[tokio::test]
async fn where_a_body_is_no_json_is_said() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for (body, place) in [
        ("", "Parse error: the body is empty"),
        ("tools/list", "Parse error: a message is a JSON object"),
        ("{\n \"secret\" 1}", "Parse error at line 2, column 11"),
        ("[{},\n secret]", "Parse error at line 2, column 2"),
    ] {
        let mut request = post(&token, body.to_owned());
        request.headers_mut().insert("mcp-protocol-version", "2025-03-26".parse().expect("a value"));
        let answer = server.send(request).await;
        assert_eq!(answer.json()["error"]["message"], place, "{body}");
    }
}

#[tokio::test]
async fn an_id_comes_back_as_it_went() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for id in ["1", "-9223372036854775808", "\"\"", "\"caf\\u00e9 \\\"x\\\"\"", "\"1\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
        let answer = server.send(post(&token, body)).await;
        assert!(answer.text().contains(&format!("\"id\":{id},")), "{id} in {}", answer.text());
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"no/such/method"}}"#);
        let answer = server.send(post(&token, body)).await;
        let parsed: Value = serde_json::from_str(id).expect("JSON");
        assert_eq!((answer.code(), &answer.json()["id"]), (-32601, &parsed), "{}", answer.text());
    }
}

#[tokio::test]
async fn other_content_types_are_415_and_accept_is_no_hurdle() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for (content_type, status) in [
        ("application/json", StatusCode::OK),
        ("application/json; charset=utf-8", StatusCode::OK),
        ("APPLICATION/JSON", StatusCode::OK),
        ("text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/jsonp", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/x-www-form-urlencoded", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        for accept in [None, Some("*/*"), Some("application/json")] {
            let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
            let mut request = post(&token, ping.to_string());
            request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().expect("a value"));
            if let Some(accept) = accept {
                request.headers_mut().insert(header::ACCEPT, accept.parse().expect("a value"));
            }
            let answer = server.send(request).await;
            assert_eq!(answer.status, status, "{content_type} {accept:?}: {}", answer.text());
        }
    }
}

/// What a script sends that knows nothing of MCP: no handshake, no `Accept`, no version. It is answered as 2025-03-26 would be.
#[tokio::test]
async fn a_plain_post_without_anything_is_answered_in_json() {
    for settings in ["", "legacy_sessions = true"] {
        let server = Server::start_with(settings).await;
        let token = server.token("mcp.read");
        let listed = server.list(&token).await;
        assert_eq!((listed.status, listed.header("content-type")), (StatusCode::OK, "application/json"), "{settings}");
        assert!(listed.json()["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
        assert_eq!((&listed.json()["id"], &listed.json()["result"]["resultType"]), (&json!(1), &Value::Null));
        let called = server.call(&token, "whoami", json!({})).await;
        assert_eq!((called.status, called.header("content-type")), (StatusCode::OK, "application/json"), "{settings}");
        assert_eq!(called.json()["result"]["structuredContent"]["subject"], "alice");
        assert!(!called.headers.contains_key("mcp-session-id"), "{settings}");
    }
}

#[tokio::test]
async fn without_sessions_only_post_is_a_method() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token("mcp.read"));
    for method in ["GET", "DELETE", "HEAD", "PUT", "PATCH"] {
        let unauthorized = request(method, "/mcp").body(Body::empty()).expect("a request");
        assert_eq!(server.send(unauthorized).await.status, StatusCode::UNAUTHORIZED, "{method}");
        let request = request(method, "/mcp").header(header::AUTHORIZATION, &bearer).body(Body::empty());
        let answer = server.send(request.expect("a request")).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS"),
            "{method}"
        );
    }
}

/// A request of the revision 2026-07-28.
fn modern(token: &str, method: &str, name: Option<&str>, mut params: Value) -> axum::http::Request<Body> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut request = post(token, message.to_string());
    let headers = request.headers_mut();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().expect("a value"));
    headers.insert("mcp-method", method.parse().expect("a value"));
    if let Some(name) = name {
        headers.insert("mcp-name", name.parse().expect("a value"));
    }
    request
}

#[tokio::test]
async fn the_stateless_revision_is_spoken() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    let listed = server.send(modern(&token, "tools/list", None, json!({}))).await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text());
    let result = &listed.json()["result"];
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(result["ttlMs"].is_u64());
    let called = server.send(modern(&token, "tools/call", Some("whoami"), json!({"name": "whoami"}))).await;
    assert_eq!(called.status, StatusCode::OK, "{}", called.text());
    assert_eq!(called.json()["result"]["structuredContent"]["subject"], "alice");
    let discovered = server.send(modern(&token, "server/discover", None, json!({}))).await;
    assert_eq!(discovered.status, StatusCode::OK, "{}", discovered.text());
    let unknown = server.send(modern(&token, "no/such/method", None, json!({}))).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::NOT_FOUND, -32601));
    let mut contradicting = modern(&token, "tools/call", Some("list_events"), json!({"name": "whoami"}));
    let answer = server.send(contradicting).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32020));
    contradicting = modern(&token, "tools/list", None, json!({}));
    contradicting.headers_mut().insert("mcp-protocol-version", "2099-01-01".parse().expect("a value"));
    assert_eq!(server.send(contradicting).await.code(), -32020);
    let mut future = post(&token, list().to_string());
    future.headers_mut().insert("mcp-protocol-version", "2099-01-01".parse().expect("a value"));
    let answer = server.send(future).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32022));
    assert!(answer.json()["error"]["data"]["supported"].as_array().expect("a list").contains(&json!("2026-07-28")));
}

#[tokio::test]
async fn the_handshake_of_older_clients_works_without_a_session() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let answer = server.post(&token, &handshake(version, &json!({}))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["result"]["protocolVersion"], version);
        assert!(!answer.headers.contains_key("mcp-session-id"));
    }
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = server.post(&token, &initialized).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::ACCEPTED, ""));
}

/// What a client's author reads: what is wrong, what to do, and of a message that was read its id.
#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_what_to_do() {
    let server = Server::start_with("tool_limits = [\"whoami=1\"]\nrequests_per_minute = 4").await;
    let token = server.token("mcp.read");
    let ask = async |token: Option<&str>, message: Value| {
        let mut request = post(token.unwrap_or_default(), message.to_string());
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, "application/json, text/event-stream".parse().expect("a value"));
        if token.is_none() {
            headers.remove(header::AUTHORIZATION);
        }
        let answer = server.send(request).await;
        assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text());
        answer
    };
    for (token, words) in
        [(None, "Missing authentication. This URL is"), (Some("x"), "Invalid or revoked MCP token. Refresh it")]
    {
        let refused = ask(token, list()).await;
        assert_eq!((refused.status, &refused.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_token")));
        assert!(refused.json()["error_description"].as_str().is_some_and(|said| said.starts_with(words)));
    }
    let called = |tool: &str| {
        let mut message = super::server::call(tool, json!({}));
        message["id"] = json!("seven");
        message
    };
    let narrow = ask(Some(&token), called("create_event")).await;
    let error = &narrow.json()["error"];
    assert_eq!((narrow.status, &error["data"]["scope"]), (StatusCode::FORBIDDEN, &json!("mcp.read mcp.write")));
    assert!(error["message"].as_str().is_some_and(|said| said.contains("mcp.read mcp.write")), "{error}");
    assert!(narrow.header("www-authenticate").contains("scope=\"mcp.read mcp.write\""));
    assert_eq!(ask(Some(&token), called("whoami")).await.status, StatusCode::OK);
    let limited = ask(Some(&token), called("whoami")).await;
    assert_eq!(
        (limited.status, &limited.json()["id"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("seven")),
        "it was read"
    );
    assert!(limited.json()["error"]["message"].as_str().is_some_and(|said| said.contains("Retry-After")));
    assert_eq!(ask(Some(&token), list()).await.status, StatusCode::OK);
    let limited = ask(Some(&token), list()).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS, "before anything is read");
    assert!(limited.json()["error_description"].as_str().is_some_and(|said| said.contains("Retry-After")));
}

/// Scripts compare the line of old; a person who opens the URL is told where people belong.
#[tokio::test]
async fn a_browser_reads_help_below_the_line_that_scripts_compare() {
    let server = Server::start().await;
    let get = |accept: &str| {
        let mut request = post("", String::new());
        *request.method_mut() = Method::GET;
        request.headers_mut().remove(header::AUTHORIZATION);
        request.headers_mut().insert(header::ACCEPT, accept.parse().expect("a value"));
        request
    };
    assert_eq!(server.send(get("*/*")).await.text(), "Missing authentication.");
    let page = server.send(get("text/html,application/xhtml+xml,*/*;q=0.8")).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::UNAUTHORIZED, "text/plain; charset=utf-8"));
    let text = page.text();
    let (line, help) = text.split_once('\n').expect("two lines");
    assert!(line == "Missing authentication." && help.contains("has you sign in at http"), "{text}");
}
