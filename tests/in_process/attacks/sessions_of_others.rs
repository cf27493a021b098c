//! A session id is found, guessed or sprayed: it proves nothing. What belongs to a session (its calls, its end, its stream and what was missed
//! of it) is its opener's alone.

use crate::resource_server::{
    server::{IN_TIME, Server, call, list, post},
    sessions::{SETTINGS, accepting_events, bare, in_session, initialize, open_session, whoami},
    stateless_revision::{behind, read_until},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::json;
use shared::protocol::security_event::RevocationKind;
use system_tests::conformance_server::ENDLESS;

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    request
}

/// Everything that can be done in a session.
fn acts(token: &str) -> Vec<Request<Body>> {
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let answer = json!({"jsonrpc": "2.0", "id": 0, "result": {"action": "accept"}});
    let refusal = json!({"jsonrpc": "2.0", "id": 0, "error": {"code": -1, "message": "no"}});
    let batch = json!([list(), call("whoami", json!({}))]);
    let posts = [list(), call("whoami", json!({})), cancel, answer, refusal, batch];
    let mut acts: Vec<_> = posts.iter().map(|message| accepting_events(post(token, message.to_string()))).collect();
    acts.push(bare("GET", token));
    acts.push(with(bare("GET", token), "last-event-id", "0"));
    acts.push(with(bare("GET", token), "last-event-id", "0/0"));
    acts.push(bare("DELETE", token));
    acts
}

#[tokio::test]
async fn nothing_can_be_done_in_somebody_elses_session() {
    let server = Server::start_with(SETTINGS).await;
    let alice = server.token("mcp.read");
    let session = open_session(&server, &alice).await;
    for thief in [server.token_of("bob", "client", "mcp.read"), server.token_of("alice", "other", "mcp.read")] {
        for (number, act) in acts(&thief).into_iter().enumerate() {
            let answer = server.send(in_session(act, &session)).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "act {number}: {}", answer.text());
            let absent = acts(&thief).remove(number);
            let absent = server.send(in_session(absent, "00000000-0000-4000-8000-000000000000")).await;
            assert_eq!(answer.body, absent.body, "act {number}: like one that does not exist");
        }
    }
    let nobody = server.send(in_session(with(whoami(""), "x", "x"), &session)).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "the id is no token");
    assert_eq!(server.send(in_session(whoami(&alice), &session)).await.status, StatusCode::OK, "it survived");
}

/// What a stream sent before it broke off is told again to its owner, and to nobody who knows its number.
#[tokio::test]
async fn a_stream_is_resumed_by_its_owner_alone() {
    let (server, _) = behind(SETTINGS).await;
    let (alice, bob) = (server.token("mcp.read"), server.token_of("bob", "client", "mcp.read"));
    let (hers, his) = (open_session(&server, &alice).await, open_session(&server, &bob).await);
    let mut endless = call(ENDLESS, json!({}));
    endless["params"]["_meta"] = json!({"progressToken": "hers"});
    let running = in_session(accepting_events(post(&alice, endless.to_string())), &hers);
    let mut stream = server.open(running).await.into_body();
    let begun = read_until(&mut stream, "hers").await;
    let first = begun
        .lines()
        .find_map(|line| line.strip_prefix("id:"))
        .map(str::trim)
        .unwrap_or_else(|| panic!("an id in {begun}"));
    drop(stream);
    let resume = |token: &str, session: &str| in_session(with(bare("GET", token), "last-event-id", first), session);
    assert_eq!(server.send(resume(&bob, &hers)).await.status, StatusCode::NOT_FOUND, "her session");
    let his_own = server.send(resume(&bob, &his)).await;
    assert!(!his_own.text().contains("hers"), "her number in his session: {}", his_own.text());
    let mut again = server.open(resume(&alice, &hers)).await.into_body();
    read_until(&mut again, "hers").await;
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    assert!(tokio::time::timeout(IN_TIME, again.collect()).await.is_ok(), "and no longer than her grant");
    assert_eq!(server.send(resume(&alice, &hers)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sprayed_ids_are_all_the_same_404_and_leave_nothing() {
    let server = Server::start_with("legacy_sessions = true\nrequests_per_minute = 100000").await;
    let alice = server.token("mcp.read");
    let session = open_session(&server, &alice).await;
    let mut seen = Vec::new();
    let near: Vec<String> = (0..session.len())
        .map(|at| {
            let mut near = session.clone();
            let other = if near.as_bytes()[at] == b'0' { "1" } else { "0" };
            near.replace_range(at..=at, other);
            near
        })
        .collect();
    let odd = ["", " ", "*", "%", "..", "\u{e9}", &session.to_uppercase(), &format!("{session} "), &"a".repeat(8000)];
    for id in near.iter().map(String::as_str).chain(odd) {
        let answer = server.send(with(whoami(&alice), "mcp-session-id", id)).await;
        if id.trim() == session {
            continue;
        }
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id:?}: {}", answer.text());
        seen.push(answer.body);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
    assert_eq!(server.send(in_session(whoami(&alice), &session)).await.status, StatusCode::OK);
}

/// Two ids, one of them good: whoever reads the other one must not be led into it.
#[tokio::test]
async fn two_ids_are_none() {
    let server = Server::start_with(SETTINGS).await;
    let (alice, bob) = (server.token("mcp.read"), server.token_of("bob", "client", "mcp.read"));
    let (hers, his) = (open_session(&server, &alice).await, open_session(&server, &bob).await);
    for (first, second) in [(&hers, &his), (&his, &hers), (&his, &his)] {
        let request = with(with(whoami(&bob), "mcp-session-id", first), "mcp-session-id", second);
        assert_eq!(server.send(request).await.status, StatusCode::NOT_FOUND);
    }
}

/// A client may not open a session under an id that it chose, nor take over one by opening.
#[tokio::test]
async fn nobody_chooses_the_id_of_a_session() {
    let server = Server::start_with(SETTINGS).await;
    let (alice, bob) = (server.token("mcp.read"), server.token_of("bob", "client", "mcp.read"));
    let session = open_session(&server, &alice).await;
    for chosen in [session.as_str(), "11111111-1111-4111-8111-111111111111"] {
        let answer = server.send(in_session(initialize(&bob, &json!({})), chosen)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
        assert!(!answer.headers.contains_key("mcp-session-id"));
    }
    assert_eq!(server.send(in_session(whoami(&alice), &session)).await.status, StatusCode::OK);
}

/// The stateless revision has no sessions: an id in it is not looked at, and opens nothing.
#[tokio::test]
async fn without_sessions_an_id_is_not_even_looked_at() {
    let server = Server::start().await;
    let alice = server.token("mcp.read");
    for id in ["x", "00000000-0000-4000-8000-000000000000"] {
        let answer = server.send(in_session(whoami(&alice), id)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let answer = json!({"jsonrpc": "2.0", "id": 0, "result": {}});
    let answer = server.send(in_session(post(&alice, answer.to_string()), "x")).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32600), "nothing was asked");
}
