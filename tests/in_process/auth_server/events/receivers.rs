//! Receivers that wait, and those that are refused.

use super::{
    super::{
        TestServer,
        answer::Answer,
        database::Database,
        test_server::{RESOURCE_SERVER, START},
    },
    EVENTS, ask, ask_at_once, look, read, revoke_grant, subjects,
};
use auth_server::{change_log::POLLS_A_RECEIVER_MAX, router};
use axum::{body::Body, extract::Request};
use serde_json::json;
use shared::protocol::{event_poll::ACKNOWLEDGEMENTS_MAX, jwt::verify_security_event, token_algorithm::TokenAlgorithm};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

#[tokio::test]
async fn a_waiting_poll_hears_of_a_revocation_at_once() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    let poll = ask_at_once(&server, &token, json!({"after": position}));
    let revoking = async {
        tokio::task::yield_now().await;
        revoke_grant(&server, "g", START).await;
        server.follow().await;
    };
    let answer = tokio::join!(poll, revoking).0;
    assert_eq!(subjects(&server, &answer), ["g"]);
}

#[tokio::test]
async fn a_waiting_poll_is_answered_when_the_server_stops() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    let stop = CancellationToken::new();
    let router = router::router(Arc::clone(&server.app), stop.clone());
    let request = Request::post(EVENTS)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(json!({"after": position}).to_string()))
        .expect("a request");
    let poll = tokio::spawn(async move { Answer::read(router.oneshot(request).await.expect("infallible")).await });
    tokio::task::yield_now().await;
    stop.cancel();
    let answer = tokio::time::timeout(Duration::from_secs(10), poll).await.expect("long before the wait ends");
    assert!(read(&answer.expect("no panic")).sets.is_empty());
}

#[tokio::test]
async fn unreadable_requests_are_refused_in_the_words_of_the_rfc() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let many: Vec<String> = (0..=ACKNOWLEDGEMENTS_MAX).map(|number| format!("h.{number}.x")).collect();
    for request in [
        json!([]),
        json!(null),
        json!({"maxEvents": -1}),
        json!({"maxEvents": "ten"}),
        json!({"ack": "j"}),
        json!({"ack": many}),
        json!({"after": 7}),
        json!({"returnImmediately": "yes"}),
        json!({"setErrs": {"j": {}}}),
        json!({"waitSeconds": 3}),
    ] {
        let answer = ask(&server, &token, request.clone()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["err"]), (400, &json!("invalid_request")), "{request}");
    }
    let long = ask(&server, &token, json!({"after": "x".repeat(70_000)})).await;
    assert_eq!(long.status, 413);
    let form = Request::post(EVENTS)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(server.send(form.body(Body::from("{}")).expect("a request")).await.status, 415);
    assert_eq!(server.call("GET", EVENTS, &token, &json!({})).await.status, 405);
    assert_eq!(server.call("GET", "/api/revocations", &token, &json!({})).await.status, 404, "it is gone");
}

#[tokio::test]
async fn a_receiver_has_only_so_many_open_polls() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let held: Vec<_> =
        (0..POLLS_A_RECEIVER_MAX).map(|_| server.app.poll_places.take(RESOURCE_SERVER).expect("a place")).collect();
    let refused = ask(&server, &token, json!({"returnImmediately": true})).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "5"));
    drop(held);
    look(&server, &token, json!({})).await;
}

#[tokio::test]
async fn a_database_that_fails_during_the_poll_is_503_and_no_silence() {
    #[derive(Default)]
    struct Down(AtomicBool);
    impl shared::db::Faults for Down {
        fn at(&self, _: &'static str) -> Option<shared::db::Fault> {
            self.0.load(Ordering::SeqCst).then_some(shared::db::Fault::Unavailable)
        }
    }
    let down = Arc::new(Down::default());
    let database = Database::sqlite_memory().await;
    let server = TestServer::start_on(database.store().with_faults(down.clone()), "").await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    let stop = CancellationToken::new();
    let router = router::router(Arc::clone(&server.app), stop.clone());
    let request = Request::post(EVENTS)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(json!({"after": position}).to_string()))
        .expect("a request");
    let poll = tokio::spawn(async move { Answer::read(router.oneshot(request).await.expect("infallible")).await });
    tokio::task::yield_now().await;
    down.0.store(true, Ordering::SeqCst);
    // Whatever wakes the poll: it reads, and hears that it cannot.
    stop.cancel();
    let answer = tokio::time::timeout(Duration::from_secs(10), poll).await.expect("in time").expect("no panic");
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn events_are_signed_for_the_one_receiver_and_are_no_other_token() {
    let server = TestServer::start().await;
    revoke_grant(&server, "g", START).await;
    let token = server.machine_token().await;
    let answer = look(&server, &token, json!({})).await;
    let event = answer.sets.values().next().expect("an event");
    let keys = server.app.keys.verification_keys();
    assert!(verify_security_event(event, &keys, &server.app.issuer, "another-server").is_err());
    assert!(verify_security_event(event, &keys, "https://evil.example", RESOURCE_SERVER).is_err());
    let guarded = ask(&server, event, json!({"returnImmediately": true})).await;
    assert_eq!(guarded.refusal(), (401, "invalid_token".to_owned()), "an event is no access token");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", event.as_str()),
        ("client_id", RESOURCE_SERVER),
    ];
    let asserted = server.post_form("/oauth2/token", &form).await;
    assert_eq!(asserted.refusal(), (401, "invalid_client".to_owned()), "nor a client assertion");
    let claims = json!({
        "iss": server.app.issuer, "sub": RESOURCE_SERVER, "aud": format!("{}/api", server.app.issuer), "exp": START + 900,
        "iat": START, "jti": "j", "client_id": RESOURCE_SERVER, "scope": "postern.resource_server", "events": {},
    });
    let dressed_up = server.app.keys.sign(TokenAlgorithm::Es256, "secevent+jwt", &claims).expect("signed");
    let guarded = ask(&server, &dressed_up, json!({"returnImmediately": true})).await;
    assert_eq!(guarded.refusal(), (401, "invalid_token".to_owned()), "with all the claims of one neither");
    for other in [token.as_str(), &server.app.keys.sign(TokenAlgorithm::Es256, "JWT", &claims).expect("signed")] {
        assert!(verify_security_event(other, &keys, &server.app.issuer, RESOURCE_SERVER).is_err(), "nor the reverse");
    }
}

#[tokio::test]
async fn only_resource_servers_may_poll() {
    let server = TestServer::start().await;
    let claims = json!({
        "iss": server.app.issuer, "sub": "ann", "aud": format!("{}/api", server.app.issuer), "exp": START + 900,
        "iat": START, "jti": "j", "client_id": "app", "scope": "mcp.read",
    });
    let token = server.app.keys.sign(TokenAlgorithm::Es256, "at+jwt", &claims).expect("signed");
    let refused = ask(&server, &token, json!({})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_scope".to_owned()));
    assert!(refused.header("www-authenticate").contains("postern.resource_server"));
    let none = server.post_json(EVENTS, &json!({})).await;
    assert_eq!(none.status, 401);
    assert!(none.header("www-authenticate").starts_with("Bearer"));
}
