//! Host, Origin and CORS of the MCP endpoint.

use super::server::{Server, list, post, request};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
};

#[tokio::test]
async fn a_foreign_host_or_origin_is_403_before_any_token() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for (host, origin, allowed) in [
        ("localhost:9500", None, true),
        ("127.0.0.1:9500", None, true),
        ("localhost:9500", Some("http://localhost:6274"), true),
        ("evil.example", None, false),
        ("evil.example:9500", None, false),
        ("localhost:9500", Some("https://evil.example"), false),
        ("localhost:9500", Some("null"), false),
        ("localhost:9500", Some("http://localhost.evil.example"), false),
    ] {
        for token in [token.as_str(), "garbage"] {
            let mut request = post(token, list().to_string());
            request.headers_mut().insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let answer = server.send(request).await;
            let expected = match (allowed, token) {
                (false, _) => StatusCode::FORBIDDEN,
                (true, "garbage") => StatusCode::UNAUTHORIZED,
                (true, _) => StatusCode::OK,
            };
            assert_eq!(answer.status, expected, "{host} {origin:?}: {}", answer.text());
            assert_eq!(answer.headers.contains_key("access-control-allow-origin"), allowed && origin.is_some());
        }
    }
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_answers_say_what_pages_may_read() {
    let server = Server::start_with("allowed_origins = [\"https://app.example\"]").await;
    let preflight = |origin: &'static str| {
        request("OPTIONS", "/mcp")
            .header(header::ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, mcp-param-region")
            .body(Body::empty())
            .expect("a request")
    };
    let answer = server.send(preflight("https://app.example")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let allowed = answer.header("access-control-allow-headers").to_lowercase();
    for name in ["authorization", "content-type", "mcp-protocol-version", "mcp-session-id", "mcp-param-region"] {
        assert!(allowed.contains(name), "{name} in {allowed}");
    }
    let evil = server.send(preflight("https://evil.example")).await;
    assert_eq!(evil.status, StatusCode::FORBIDDEN);
    assert!(!evil.headers.contains_key("access-control-allow-origin"));
    let mut unauthorized = post("garbage", list().to_string());
    unauthorized.headers_mut().insert(header::ORIGIN, HeaderValue::from_static("https://app.example"));
    let answer = server.send(unauthorized).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let exposed = answer.header("access-control-expose-headers").to_lowercase();
    for name in ["www-authenticate", "mcp-session-id", "retry-after", "ratelimit"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
    let plain = server.send(request("OPTIONS", "/mcp").body(Body::empty()).expect("a request")).await;
    assert_eq!((plain.status, plain.header("allow")), (StatusCode::NO_CONTENT, "POST, OPTIONS"));
}
