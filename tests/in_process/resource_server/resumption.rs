//! A client that lost its connection takes its stream up again (MCP 2025-11-25, Resumability): while the call runs, and for a while after its
//! answer, which may have been lost with the connection.

use super::{
    server::{Server, call, post},
    sessions::{SETTINGS, accepting_events, bare, in_session, open_session},
    stateless_revision::behind,
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};

fn resumed(token: &str, event: &str) -> Request<Body> {
    let mut request = bare("GET", token);
    request.headers_mut().insert("last-event-id", event.parse().expect("a value"));
    request
}

fn simple(id: u32) -> Value {
    let mut simple = call("test_simple_text", json!({}));
    simple["id"] = id.into();
    simple
}

/// Calls and reads the answer; the events of its stream, by their ids.
async fn events(server: &Server, token: &str, session: &str, id: u32) -> Vec<String> {
    let request = in_session(accepting_events(post(token, simple(id).to_string())), session);
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.text().contains("retry:"), "when to come back: {}", answer.text());
    answer.text().lines().filter_map(|line| line.strip_prefix("id:")).map(|id| id.trim().to_owned()).collect()
}

async fn answer(server: &Server, token: &str, session: &str, event: &str) -> String {
    let answer = server.send(in_session(resumed(token, event), session)).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/event-stream"));
    answer.text().to_owned()
}

#[tokio::test]
async fn an_answer_that_was_lost_is_there_for_a_while_for_who_asked() {
    let (server, _) = behind(SETTINGS).await;
    let (alice, bob) = (server.token("mcp.read"), server.token_of("bob", "client", "mcp.read"));
    let (hers, his) = (open_session(&server, &alice).await, open_session(&server, &bob).await);
    let first = events(&server, &alice, &hers, 71).await.remove(0);
    for _ in 0..2 {
        let again = answer(&server, &alice, &hers, &first).await;
        assert!(again.contains("\"id\":71") && again.contains("This is a simple text response"), "{again}");
    }
    assert_eq!(server.send(in_session(resumed(&bob, &first), &hers)).await.status, StatusCode::NOT_FOUND);
    assert!(!answer(&server, &bob, &his, &first).await.contains("71"), "her number in his session");
    let another = open_session(&server, &alice).await;
    assert!(!answer(&server, &alice, &another, &first).await.contains("71"), "nor in another one of hers");
    server.advance(60);
    assert!(!answer(&server, &alice, &hers, &first).await.contains("71"), "not for longer");
}

#[tokio::test]
async fn few_answers_are_kept_and_each_for_its_own_call() {
    let (server, _) = behind("legacy_sessions = true\nrequests_per_minute = 1000").await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let mut first = Vec::new();
    for id in 100..109 {
        first.push((id, events(&server, &token, &session, id).await.remove(0)));
    }
    let oldest = answer(&server, &token, &session, &first[0].1).await;
    assert!(!oldest.contains("result"), "the ninth took its place: {oldest}");
    for (id, event) in &first[1..] {
        let again = answer(&server, &token, &session, event).await;
        assert!(again.contains(&format!("\"id\":{id}")), "{id}: {again}");
    }
    for nonsense in ["x", "0/x", "0/99999", "99999999999999999999/0", "/", "0.0/0", "a.b.c/1"] {
        assert!(!answer(&server, &token, &session, nonsense).await.contains("result"), "{nonsense}");
    }
}
