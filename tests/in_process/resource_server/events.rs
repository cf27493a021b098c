//! Security events from an issuer that does not play fair, or that lost its memory: what no real issuer sends.

use super::{
    issuer::{self, Play, RECEIVER, public_key},
    server::{IN_TIME, RESOURCE, Server},
};
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::{
    protocol::{event_poll::PollRequest, jwt::AssertionSigner, security_event::RevocationKind},
    random::SystemRandom,
};
use std::sync::{Arc, atomic::Ordering};
use system_tests::poll::until;

const EVENT: &str = "secevent+jwt";

/// A server that limits nobody, for tests that ask over and over.
async fn start() -> Server {
    Server::start_with("requests_per_minute = 100000").await
}

fn grant(server: &Server, jti: &str) -> Value {
    server.issuer.event_claims(jti, RevocationKind::Grant, "grant-1", server.now())
}

fn signed(server: &Server, claims: &Value) -> String {
    server.issuer.signer.sign_claims(EVENT, claims).expect("a token")
}

/// The first poll after now that `wanted` likes.
async fn polled(server: &Server, wanted: impl Fn(&PollRequest) -> bool) -> PollRequest {
    let from = server.issuer.polls.lock().expect("unpoisoned").len();
    until("it polls", IN_TIME, || async {
        server.issuer.polls.lock().expect("unpoisoned")[from..].iter().find(|poll| wanted(poll)).cloned()
    })
    .await
    .expect("a poll")
}

async fn is_refused(server: &Server, token: &str) {
    until("the token is refused", IN_TIME, || async {
        (server.list(token).await.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("refused");
}

#[tokio::test]
async fn an_event_that_is_not_the_issuers_for_this_server_revokes_nothing_and_is_reported() {
    let server = start().await;
    let token = server.token("mcp.read");
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    let with = |name: &str, value: Value| {
        let mut claims = grant(&server, "h.7.x");
        claims[name] = value;
        signed(&server, &claims)
    };
    let forged = [
        ("invalid_key", stranger.sign_claims(EVENT, &grant(&server, "h.7.x")).expect("a token")),
        ("invalid_issuer", with("iss", json!("https://evil.example"))),
        ("invalid_audience", with("aud", json!("another-server"))),
        ("invalid_audience", with("aud", json!([RECEIVER]))),
        ("invalid_request", with("jti", json!("another"))),
        ("invalid_request", with("exp", json!(server.now() + 900))),
        ("invalid_request", server.issuer.signer.sign_claims("at+jwt", &grant(&server, "h.7.x")).expect("a token")),
        ("invalid_request", server.issuer.signer.sign_claims("JWT", &grant(&server, "h.7.x")).expect("a token")),
        ("invalid_request", server.token("mcp.read")),
        ("invalid_request", "nonsense".to_owned()),
    ];
    for (err, event) in forged {
        server.issuer.answer_once(Play::answer(&[("h.7.x", event)], false, "elsewhere.9.x"));
        let report = polled(&server, |poll| !poll.set_errs.is_empty()).await;
        assert_eq!((report.set_errs["h.7.x"].err.as_str(), report.ack.len()), (err, 0));
        assert!(report.after.is_none_or(|after| !after.starts_with("elsewhere")), "nothing of it moves the place");
        assert_eq!(server.list(&token).await.status, StatusCode::OK, "{err}");
    }
}

#[tokio::test]
async fn beside_a_forged_event_the_true_ones_count_and_the_answer_does_not() {
    let server = start().await;
    let token = server.token("mcp.read");
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    let forged = stranger.sign_claims(EVENT, &grant(&server, "h.8.x")).expect("a token");
    let events = [("h.7.x", signed(&server, &grant(&server, "h.7.x"))), ("h.8.x", forged)];
    server.issuer.answer_once(Play::answer(&events, false, "h.8.x"));
    is_refused(&server, &token).await;
}

#[tokio::test]
async fn a_feed_of_nothing_but_forgeries_falls_silent() {
    let server = start().await;
    let token = server.token("mcp.read");
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    for _ in 0..1000 {
        server.issuer.answer_once(Play::answer(&[("h.7.x", "forged".into())], false, "h.7.x"));
    }
    polled(&server, |poll| !poll.set_errs.is_empty()).await;
    server.advance(31);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    assert!(server.issuer.introspected.load(Ordering::SeqCst) > 0, "each token is asked about");
}

#[tokio::test]
async fn answers_that_are_none_move_nothing() {
    let server = start().await;
    let token = server.token("mcp.read");
    let event = signed(&server, &grant(&server, "h.7.x"));
    let many: serde_json::Map<_, _> = (0..101).map(|number| (format!("h.{number}.x"), json!("x"))).collect();
    for answer in [
        json!({"sets": {"h.7.x": event}, "position": "h.7.x"}),
        json!({"sets": {"h.7.x": event}, "moreAvailable": false}),
        json!({"sets": [event], "moreAvailable": false, "position": "h.7.x"}),
        json!({"sets": {"h.7.x": 7}, "moreAvailable": false, "position": "h.7.x"}),
        json!({"sets": many, "moreAvailable": false, "position": "h.7.x"}),
        json!([]),
    ] {
        server.issuer.answer_once(answer.clone());
        polled(&server, |poll| poll.after.as_deref() != Some("h.7.x")).await;
        assert_eq!(server.list(&token).await.status, StatusCode::OK, "{answer}");
    }
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    is_refused(&server, &token).await;
}

#[tokio::test]
async fn order_and_repetition_mean_nothing() {
    let server = start().await;
    let (one, two) = (server.token_of("u1", "c1", "mcp.read"), server.token_of("u2", "c2", "mcp.read"));
    let user = |jti: &str, subject: &str, at| {
        signed(&server, &server.issuer.event_claims(jti, RevocationKind::User, subject, at))
    };
    let now = server.now();
    let late = [("h.9.x", user("h.9.x", "u1", now)), ("h.8.x", user("h.8.x", "u2", now - 100))];
    let early = [("h.7.x", user("h.7.x", "u1", now - 100)), ("h.9.x", user("h.9.x", "u1", now))];
    server.issuer.answer_once(Play::answer(&late, false, "h.9.x"));
    server.issuer.answer_once(Play::answer(&early, false, "h.9.x"));
    polled(&server, |poll| poll.ack.iter().any(|jti| jti == "h.7.x")).await;
    is_refused(&server, &one).await;
    assert_eq!(server.list(&two).await.status, StatusCode::OK, "only what was issued until then");
}

#[tokio::test]
async fn another_history_is_followed_and_takes_nothing_back() {
    let server = start().await;
    let token = server.token("mcp.read");
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    is_refused(&server, &token).await;
    server.issuer.answer_once(Play::answer(&[], true, "older.1.x"));
    let next = polled(&server, |poll| poll.after.as_deref() == Some("older.1.x")).await;
    assert!(next.return_immediately, "something is left, so nothing is waited for");
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED, "what was revoked stays revoked");
}

#[tokio::test]
async fn an_unknown_type_of_event_makes_it_trust_no_cached_decision() {
    let server = start().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    let asked = server.issuer.keys_asked.load(Ordering::SeqCst);
    let mut claims = grant(&server, "h.7.x");
    claims["events"] = json!({"https://example.com/secevent/event-type/planet-revoked": {}});
    server.issuer.answer_once(Play::answer(&[("h.7.x", signed(&server, &claims))], false, "h.7.x"));
    until("the keys are fetched again", IN_TIME, || async {
        (server.issuer.keys_asked.load(Ordering::SeqCst) > asked).then_some(())
    })
    .await
    .expect("fetched");
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_event_of_a_key_that_is_new_makes_it_fetch_the_keys() {
    let server = start().await;
    let token = server.token("mcp.read");
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    server.issuer.keys.lock().expect("unpoisoned").push(public_key(&next));
    server.advance(11);
    let event = next.sign_claims(EVENT, &grant(&server, "h.7.x")).expect("a token");
    server.issuer.answer_once(Play::answer(&[("h.7.x", event)], false, "h.7.x"));
    is_refused(&server, &token).await;
}

#[tokio::test]
async fn a_clock_that_jumps_brings_nothing_back_to_life() {
    let server = start().await;
    let token = server.token("mcp.read");
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    is_refused(&server, &token).await;
    server.advance(10 * 24 * 3600);
    server.issuer.revoke(RevocationKind::Grant, "another", server.now() - 10 * 24 * 3600);
    polled(&server, |poll| !poll.ack.is_empty()).await;
    server.advance(-10 * 24 * 3600);
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_event_is_no_access_token() {
    let server = start().await;
    let mut claims = server.claims("mcp.read");
    assert_eq!(server.list(&server.sign(&claims)).await.status, StatusCode::OK);
    claims["events"] = grant(&server, "j")["events"].clone();
    assert_eq!(claims["aud"], RESOURCE);
    assert_eq!(server.list(&signed(&server, &claims)).await.status, StatusCode::UNAUTHORIZED);
    let event = signed(&server, &grant(&server, "j"));
    assert_eq!(server.list(&event).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nothing_is_judged_before_the_last_page_and_a_restart_begins_anew() {
    let issuer = issuer::start().await;
    issuer.revoke(RevocationKind::Grant, "grant-1", super::server::NOW);
    for _ in 0..2 {
        for number in 0..3 {
            issuer.answer_once(Play::answer(&[], true, &format!("{}.0.x", ["a", "b", "c"][number])));
        }
        let server = Server::start_unready(Arc::clone(&issuer), "requests_per_minute = 100000").await;
        let token = server.token("mcp.read");
        let status = until("it judges", IN_TIME, || async {
            let status = server.list(&token).await.status;
            (status != StatusCode::SERVICE_UNAVAILABLE).then_some(status)
        });
        assert_eq!(status.await.expect("a status"), StatusCode::UNAUTHORIZED, "the first judgement knows of it");
        assert!(issuer.polls.lock().expect("unpoisoned").iter().any(|poll| poll.after.is_none()));
        issuer.polls.lock().expect("unpoisoned").clear();
    }
}

/// An answer says what was so when it was asked for; how long it was on its way, nobody can tell.
#[tokio::test]
async fn silence_counts_from_the_question_and_not_from_its_answer() {
    let server = start().await;
    let token = server.token("mcp.read");
    let answered = async |jti: &str| {
        server.issuer.revoke(RevocationKind::Grant, "another", server.now());
        polled(&server, |poll| poll.ack.iter().any(|taken| taken == jti)).await;
    };
    answered("history.1.x").await;
    // The next poll waits for so long.
    server.advance(25);
    answered("history.2.x").await;
    server.advance(5);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    assert_eq!(server.issuer.introspected.load(Ordering::SeqCst), 0, "30 s after it asked");
    server.advance(1);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    assert!(server.issuer.introspected.load(Ordering::SeqCst) > 0, "31 s after it asked");
}
