//! A page elsewhere, or a name that suddenly points here, reaches the endpoint from inside a browser. `Host` and `Origin` are looked at
//! before anything else: for every method, with the best of tokens, in whatever way they are written.

use crate::resource_server::{
    server::{Server, list, post, request},
    sessions::{SETTINGS, bare, in_session, open_session},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, Uri, header},
};

fn named(mut request: Request<Body>, host: &[&'static str], origin: &[&'static str]) -> Request<Body> {
    request.headers_mut().remove(header::HOST);
    for host in host {
        request.headers_mut().append(header::HOST, HeaderValue::from_static(host));
    }
    for origin in origin {
        request.headers_mut().append(header::ORIGIN, HeaderValue::from_static(origin));
    }
    request
}

#[tokio::test]
async fn no_foreign_name_reaches_the_endpoint() {
    let server = Server::start_with("legacy_sessions = true\nrequests_per_minute = 1000").await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let home: &[&str] = &["localhost:9500"];
    let foreign: [(&[&str], &[&str]); 14] = [
        (&["evil.example"], &[]),
        (&["evil.example:9500"], &["http://evil.example:9500"]),
        (&["localhost:9500.evil.example"], &[]),
        (&["localhost.evil.example:9500"], &[]),
        (&["localhost@evil.example:9500"], &[]),
        (&["127.0.0.1.nip.io:9500"], &[]),
        (&["0.0.0.0:9500"], &[]),
        (&[], &[]),
        (&["localhost:9500", "evil.example"], &[]),
        (home, &["https://evil.example"]),
        (home, &["http://localhost:9500", "https://evil.example"]),
        (home, &["null"]),
        (home, &["http://localhost:9500.evil.example"]),
        (home, &["http://evil.example#http://localhost:9500"]),
    ];
    for (host, origin) in foreign {
        for act in [
            post(&token, list().to_string()),
            in_session(bare("GET", &token), &session),
            in_session(bare("DELETE", &token), &session),
            bare("PUT", &token),
        ] {
            let method = act.method().clone();
            let answer = server.send(named(act, host, origin)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {host:?} {origin:?}: {}", answer.text());
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{host:?} {origin:?}");
        }
    }
    let good = in_session(bare("GET", &token), &session);
    assert_eq!(server.open(named(good, home, &["http://localhost:6274"])).await.status(), StatusCode::OK);
}

/// A target with a name of its own does not replace `Host`, nor the other way round.
#[tokio::test]
async fn a_target_and_a_host_that_disagree_are_foreign() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for (target, host, status) in [
        ("http://evil.example/mcp", "localhost:9500", StatusCode::FORBIDDEN),
        ("http://localhost:9500/mcp", "evil.example", StatusCode::FORBIDDEN),
        ("http://user@localhost:9500/mcp", "localhost:9500", StatusCode::FORBIDDEN),
        ("http://localhost:9500/mcp", "localhost:9500", StatusCode::OK),
    ] {
        let mut request = named(post(&token, list().to_string()), &[], &[]);
        *request.uri_mut() = Uri::from_static(target);
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(host));
        assert_eq!(server.send(request).await.status, status, "{target} {host}");
    }
}

/// A preflight of a foreign page gets no permission, for no method.
#[tokio::test]
async fn a_foreign_page_may_ask_for_nothing() {
    let server = Server::start_with(SETTINGS).await;
    for method in ["POST", "GET", "DELETE"] {
        let preflight = request("OPTIONS", "/mcp")
            .header(header::ORIGIN, "https://evil.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization, mcp-session-id")
            .body(Body::empty())
            .expect("a request");
        let answer = server.send(preflight).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method}");
        let permissions = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-allow"));
        assert_eq!(permissions.count(), 0, "{method}");
    }
}
