//! Legacy sessions, where they are on: they exist for their opener alone, and their streams end.

use super::{
    server::{IN_TIME, Server, call, list, post, request},
    stateless_revision::{behind, read_until},
    streams::endless,
};
use crate::metrics_documented::value_of;
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared::protocol::security_event::RevocationKind;
use std::time::Duration;
use system_tests::{
    conformance_server::{ConformanceServer, ENDLESS},
    poll::until,
};

pub const SETTINGS: &str = "legacy_sessions = true";

/// The handshake of a client of this revision with these capabilities, as a message.
pub fn handshake(revision: &str, capabilities: &Value) -> Value {
    let params =
        json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
}

/// The handshake of a client with these capabilities.
pub fn initialize(token: &str, capabilities: &Value) -> Request<Body> {
    accepting_events(post(token, handshake("2025-11-25", capabilities).to_string()))
}

pub async fn open_session(server: &Server, token: &str) -> String {
    open_session_with(server, token, &json!({})).await
}

/// A session of a client with these capabilities.
pub async fn open_session_with(server: &Server, token: &str, capabilities: &Value) -> String {
    let answer = server.send(initialize(token, capabilities)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let session = answer.header("mcp-session-id").to_owned();
    assert!(session.len() >= 32, "{session}");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let accepted = server.send(in_session(post(token, initialized.to_string()), &session)).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.text());
    session
}

/// What clients of those revisions send.
pub fn accepting_events(mut request: Request<Body>) -> Request<Body> {
    let accept = "application/json, text/event-stream".parse().expect("a value");
    request.headers_mut().insert(header::ACCEPT, accept);
    request
}

pub fn in_session(mut request: Request<Body>, session: &str) -> Request<Body> {
    request.headers_mut().insert("mcp-session-id", session.parse().expect("a value"));
    request
}

pub fn bare(method: &str, token: &str) -> Request<Body> {
    let request = request(method, "/mcp").header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.header(header::ACCEPT, "*/*").body(Body::empty()).expect("a request")
}

pub fn whoami(token: &str) -> Request<Body> {
    post(token, call("whoami", json!({})).to_string())
}

#[tokio::test]
async fn a_session_exists_for_its_opener_alone() {
    let server = Server::start_with(SETTINGS).await;
    let alice = server.token("mcp.read");
    let session = open_session(&server, &alice).await;
    let used = server.send(in_session(whoami(&alice), &session)).await;
    assert_eq!(used.status, StatusCode::OK);
    assert!(used.text().contains("alice"), "{}", used.text());
    let bob = server.token_of("bob", "client", "mcp.read");
    let same_user_other_client = server.token_of("alice", "other", "mcp.read");
    let mut claims = server.claims("mcp.read");
    (claims["organization_id"], claims["jti"]) = (json!("acme"), json!("in acme"));
    let same_user_in_an_organization = server.sign(&claims);
    for stranger in [&bob, &same_user_other_client, &same_user_in_an_organization] {
        for request in
            [whoami(stranger), post(stranger, list().to_string()), bare("GET", stranger), bare("DELETE", stranger)]
        {
            let (theirs, nobodys) = (in_session(request, &session), in_session(whoami(stranger), "no-such-session"));
            let method = theirs.method().clone();
            let (hijack, absent) = (server.send(theirs).await, server.send(nobodys).await);
            assert_eq!(hijack.status, StatusCode::NOT_FOUND, "{method}: {}", hijack.text());
            assert_eq!(absent.status, StatusCode::NOT_FOUND);
            assert_eq!(hijack.json()["error"], absent.json()["error"]);
        }
    }
    assert_eq!(server.send(in_session(whoami(&alice), &session)).await.status, StatusCode::OK, "it survived");
    assert!(server.send(in_session(bare("DELETE", &alice), &session)).await.status.is_success());
    assert_eq!(server.send(in_session(whoami(&alice), &session)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_a_session_a_call_still_works_and_modern_clients_have_none() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    let answer = server.send(whoami(&token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let mut modern = bare("GET", &token);
    modern.headers_mut().insert("mcp-protocol-version", "2026-07-28".parse().expect("a value"));
    let answer = server.send(modern).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS"));
    let answer = server.send(bare("PUT", &token)).await;
    assert_eq!(answer.header("allow"), "GET, POST, DELETE, OPTIONS");
}

/// Reads a stream to its end and says whether that came in time.
async fn ends(mut body: Body, within: Duration) -> bool {
    let read = async {
        while let Some(frame) = body.frame().await {
            frame.expect("a frame");
        }
    };
    tokio::time::timeout(within, read).await.is_ok()
}

#[tokio::test]
async fn a_listening_stream_ends_with_the_token() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let mut claims = server.claims("mcp.read");
    claims["exp"] = json!(server.now() + 1);
    let short = server.sign(&claims);
    let stream = server.open(in_session(bare("GET", &short), &session)).await;
    assert_eq!(stream.status(), StatusCode::OK);
    assert!(ends(stream.into_body(), IN_TIME).await, "at the expiry of its token");
}

#[tokio::test]
async fn a_listening_stream_ends_when_the_grant_is_revoked() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let stream = server.open(in_session(bare("GET", &token), &session)).await;
    assert_eq!(stream.status(), StatusCode::OK);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let open = tokio::spawn(ends(stream.into_body(), IN_TIME));
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    assert!(open.await.expect("no panic"), "at the revocation");
    let again = server.send(in_session(whoami(&token), &session)).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{}", again.text());
}

#[tokio::test]
async fn a_session_ends_when_idle() {
    let server = Server::start_with("legacy_sessions = true\nlegacy_session_idle = 60").await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    server.advance(59);
    assert_eq!(server.send(in_session(whoami(&token), &session)).await.status, StatusCode::OK);
    server.advance(60);
    assert_eq!(server.send(in_session(whoami(&token), &session)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_ends_at_its_age_however_busy() {
    let server = Server::start_with("legacy_sessions = true\nlegacy_session_lifetime = 600").await;
    let session = open_session(&server, &server.token("mcp.read")).await;
    let opened = server.now();
    while server.now() < opened + 590 {
        let answer = server.send(in_session(whoami(&server.token("mcp.read")), &session)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        server.advance(59);
    }
    server.advance(opened + 600 - server.now());
    let answer = server.send(in_session(whoami(&server.token("mcp.read")), &session)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "so that the client opens another");
}

#[tokio::test]
async fn one_session_too_many_closes_the_idlest_for_good() {
    let server = Server::start_with("legacy_sessions = true\nlegacy_sessions_per_user = 2").await;
    let token = server.token("mcp.read");
    let bobs = open_session(&server, &server.token_of("bob", "client", "mcp.read")).await;
    let first = open_session(&server, &token).await;
    server.advance(1);
    let second = open_session(&server, &token).await;
    let stream = server.open(in_session(bare("GET", &token), &first)).await;
    assert_eq!(stream.status(), StatusCode::OK);
    server.advance(1);
    let third = open_session(&server, &token).await;
    assert!(ends(stream.into_body(), IN_TIME).await, "the stream of a closed session");
    assert_eq!(server.send(in_session(whoami(&token), &first)).await.status, StatusCode::NOT_FOUND);
    for session in [&second, &third] {
        assert_eq!(server.send(in_session(whoami(&token), session)).await.status, StatusCode::OK);
    }
    let bob = server.token_of("bob", "client", "mcp.read");
    assert_eq!(server.send(in_session(whoami(&bob), &bobs)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_cannot_read_a_stream_is_answered_in_json_without_a_session() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    let initialize = handshake("2025-06-18", &json!({})).to_string();
    for accept in [None, Some("*/*"), Some("application/json")] {
        let mut request = post(&token, initialize.clone());
        request.headers_mut().extend(accept.map(|accept| (header::ACCEPT, accept.parse().expect("a value"))));
        let answer = server.send(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"), "{accept:?}");
        assert_eq!(answer.json()["result"]["protocolVersion"], "2025-06-18");
        assert!(!answer.headers.contains_key("mcp-session-id"), "{accept:?}");
    }
}

#[tokio::test]
async fn a_stream_needs_its_session_and_a_known_revision() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    for method in ["GET", "DELETE"] {
        let answer = server.send(bare(method, &token)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} without a session: {}", answer.text());
        let session = open_session(&server, &token).await;
        let mut unknown = in_session(bare(method, &token), &session);
        unknown.headers_mut().insert("mcp-protocol-version", "1999-01-01".parse().expect("a value"));
        let answer = server.send(unknown).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method}: {}", answer.text());
        assert_eq!(server.send(in_session(whoami(&token), &session)).await.status, StatusCode::OK);
    }
}

/// `ping` and a log level, which the stateless revision removed.
#[tokio::test]
async fn ping_is_answered_within_and_without_a_session() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let ping = json!({"jsonrpc": "2.0", "id": "p", "method": "ping"}).to_string();
    for request in [post(&token, ping.clone()), in_session(post(&token, ping.clone()), &session)] {
        let answer = server.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.text().contains(r#""id":"p""#) && answer.text().contains("result"), "{}", answer.text());
    }
}

/// Begins an endless call in a session of its own, and hangs up. The session.
async fn hang_up(server: &Server, token: &str) -> String {
    let session = open_session(server, token).await;
    let endless = in_session(accepting_events(post(token, endless(1).to_string())), &session);
    let mut stream = server.open(endless).await.into_body();
    read_until(&mut stream, "begun").await;
    session
}

/// Waits until so many calls run; each holds a place, and nothing else does.
async fn only(calls: u32, server: &Server, fixture: &ConformanceServer) {
    let places = || value_of(&server.metrics(), "postern_running_calls");
    let wanted = (u64::from(calls), Some(f64::from(calls)));
    let as_wanted = || async { ((fixture.running(), places()) == wanted).then_some(()) };
    until("as many run as are to", IN_TIME * 2, as_wanted)
        .await
        .unwrap_or_else(|_| panic!("{calls} wanted, {} run and {:?} hold a place", fixture.running(), places()));
}

#[tokio::test]
async fn a_call_whose_client_hung_up_keeps_its_place_until_its_token_or_its_session_ends() {
    let (server, fixture) = behind("legacy_sessions = true\nconcurrent_calls = 4").await;
    let token = server.token("mcp.read");
    let first = hang_up(&server, &token).await;
    for _ in 0..2 {
        hang_up(&server, &token).await;
    }
    only(3, &server, &fixture).await;
    let ended = server.send(in_session(bare("DELETE", &token), &first)).await;
    assert!(ended.status.is_success(), "{}", ended.text());
    only(2, &server, &fixture).await;
    for _ in 0..2 {
        hang_up(&server, &token).await;
    }
    assert_eq!(server.list(&token).await.status, StatusCode::TOO_MANY_REQUESTS, "all places are taken");
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    only(0, &server, &fixture).await;
}

#[tokio::test]
async fn a_call_whose_client_hung_up_ends_with_its_time() {
    let (server, fixture) = behind("legacy_sessions = true\ncall_timeout = 1").await;
    hang_up(&server, &server.token("mcp.read")).await;
    only(0, &server, &fixture).await;
}

/// An id is whose answer it is, and what is cancelled: rmcp loses track of one of two.
#[tokio::test]
async fn an_id_whose_request_still_runs_is_refused_and_good_again_afterwards() {
    let (server, fixture) = behind(SETTINGS).await;
    let token = server.token("mcp.read");
    let session = hang_up(&server, &token).await;
    only(1, &server, &fixture).await;
    let same_again = vec![endless(1); 32];
    for message in [endless(1), Value::from(same_again)] {
        let answer = server.send(in_session(accepting_events(post(&token, message.to_string())), &session)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let data = answer.text().lines().filter_map(|line| line.strip_prefix("data:"));
        let refused: Vec<Value> = data.map(|data| serde_json::from_str(data.trim_start()).expect("JSON")).collect();
        assert_eq!(refused.len(), message.as_array().map_or(1, Vec::len), "{}", answer.text());
        assert!(refused.iter().all(|answer| answer["id"] == 1 && answer["error"]["code"] == -32600), "{refused:?}");
    }
    only(1, &server, &fixture).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let cancelled = server.send(in_session(post(&token, cancel.to_string()), &session)).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{}", cancelled.text());
    only(0, &server, &fixture).await;
    let good_again = call("test_simple_text", json!({})).to_string();
    let answer = server.send(in_session(accepting_events(post(&token, good_again)), &session)).await;
    assert!(answer.text().contains("simple text"), "{}", answer.text());
}

/// Whoever has used up all places can still give them back.
#[tokio::test]
async fn with_all_places_taken_a_call_is_cancelled_and_a_session_deleted() {
    let (server, fixture) = behind("legacy_sessions = true\nconcurrent_calls = 2").await;
    let token = server.token("mcp.read");
    let (first, second) = (hang_up(&server, &token).await, hang_up(&server, &token).await);
    only(2, &server, &fixture).await;
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    let notified = server.send(in_session(post(&token, initialized.to_string()), &first)).await;
    assert_eq!(notified.status, StatusCode::TOO_MANY_REQUESTS, "{}", notified.text());
    for (refused, id) in [(whoami(&token), 1), (post(&token, ping.to_string()), 2)] {
        let answer = server.send(in_session(refused, &first)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.text());
        assert_eq!(answer.json()["id"], id, "it was read, so the answer is its own");
    }
    let cancel =
        |request: u32| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request}});
    let batch = json!([cancel(1), call(ENDLESS, json!({}))]);
    let answer = server.send(in_session(post(&token, batch.to_string()), &first)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "in company of a call: {}", answer.text());
    let outside = server.send(post(&token, cancel(1).to_string())).await;
    assert_eq!(outside.status, StatusCode::TOO_MANY_REQUESTS, "outside of sessions nothing can be cancelled");
    let answered = json!({"jsonrpc": "2.0", "id": 99, "result": {}});
    for passes in [answered, cancel(1)] {
        let answer = server.send(in_session(post(&token, passes.to_string()), &first)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    }
    only(1, &server, &fixture).await;
    hang_up(&server, &token).await;
    only(2, &server, &fixture).await;
    let ended = server.send(in_session(bare("DELETE", &token), &second)).await;
    assert!(ended.status.is_success(), "{}", ended.text());
    only(1, &server, &fixture).await;
}

/// What a handshake says is kept as long as its session.
#[tokio::test]
async fn a_handshake_that_is_too_large_opens_no_session() {
    let server = Server::start_with(SETTINGS).await;
    let token = server.token("mcp.read");
    let said = |bytes: usize| json!({"experimental": {"x": {"y": "z".repeat(bytes)}}});
    let refused = server.send(initialize(&token, &said(16 * 1024))).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::PAYLOAD_TOO_LARGE, -32000), "{}", refused.text());
    assert_eq!(refused.json()["id"], 1);
    assert_eq!(value_of(&server.metrics(), "postern_sessions"), Some(0.0));
    let session = open_session_with(&server, &token, &said(15 * 1024)).await;
    let again = server.send(in_session(initialize(&token, &said(16 * 1024)), &session)).await;
    assert_eq!(again.status, StatusCode::PAYLOAD_TOO_LARGE, "in a session, too: {}", again.text());
}
