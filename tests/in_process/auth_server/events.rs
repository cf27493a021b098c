//! `POST /api/events`: polling for Security Event Tokens (RFC 8936), a view of the change log.

use super::{
    TestServer,
    answer::Answer,
    database::{Database, for_each_database},
    test_server::{RESOURCE, RESOURCE_SERVER, START},
};
use auth_server::{
    change_log::{Change, ChangeKind, POLLS_A_RECEIVER_MAX, append},
    jobs::sweep::sweep_once,
    router, store,
};
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use shared::{
    binds,
    db::{Statement, Store, StoreError, Tx},
    protocol::{
        event_poll::{ACKNOWLEDGEMENTS_MAX, EVENTS_AN_ANSWER_MAX, PollAnswer},
        jwt::verify_security_event,
        revocation_set::REVOCATION_MEMORY_SECONDS,
        security_event::{Revocation, RevocationKind},
        token_algorithm::TokenAlgorithm,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const EVENTS: &str = "/api/events";

for_each_database!(
    a_database_that_was_replaced_is_read_from_its_beginning,
    a_restored_database_that_outgrew_the_position_is_read_from_its_beginning,
    a_swept_log_answers_receivers_behind_and_at_its_end,
);

pub async fn revoke(server: &TestServer, kind: ChangeKind, subject: &str, at: i64) {
    let write = |mut tx: Tx| async move { store::change_log::insert(&mut tx, kind, subject, at).await };
    server.app.store.write(write).await.expect("appended");
}

async fn revoke_grant(server: &TestServer, grant: &str, at: i64) {
    revoke(server, ChangeKind::Grant, grant, at).await;
}

async fn ask(server: &TestServer, token: &str, request: Value) -> Answer {
    server.call("POST", EVENTS, token, &request).await
}

/// Asks without waiting.
async fn look(server: &TestServer, token: &str, mut request: Value) -> PollAnswer {
    request["returnImmediately"] = true.into();
    read(&ask(server, token, request).await)
}

/// Asks as a receiver that would wait, and must not have to.
async fn ask_at_once(server: &TestServer, token: &str, request: Value) -> PollAnswer {
    let answer = tokio::time::timeout(Duration::from_secs(10), ask(server, token, request));
    read(&answer.await.expect("no wait while something is left"))
}

fn read(answer: &Answer) -> PollAnswer {
    assert_eq!(answer.status, 200, "{answer:?}");
    PollAnswer::parse(answer.body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// What the events of an answer tell, verified, in the order of the log.
fn told(server: &TestServer, answer: &PollAnswer) -> Vec<Revocation> {
    let keys = server.app.keys.verification_keys();
    let mut told = Vec::new();
    for (jti, token) in &answer.sets {
        let event = verify_security_event(token, &keys, &server.app.issuer, RESOURCE_SERVER).expect("our event");
        assert_eq!(&event.jti, jti);
        let position: i64 = jti.split('.').nth(1).expect("a position").parse().expect("a number");
        told.push((position, event.revocation));
    }
    told.sort_by_key(|(position, _)| *position);
    told.into_iter().map(|(_, revocation)| revocation).collect()
}

/// The subjects of the events of an answer.
fn subjects(server: &TestServer, answer: &PollAnswer) -> Vec<String> {
    told(server, answer).into_iter().map(|revocation| revocation.subject).collect()
}

/// Everything that a new receiver is told.
pub async fn hear(server: &TestServer, token: &str) -> Vec<Revocation> {
    told(server, &look(server, token, json!({})).await)
}

async fn change_clients(server: &TestServer, times: usize) {
    let append_all = |mut tx: Tx| async move {
        for _ in 0..times {
            append(&mut tx, Change::ClientChanged("c"), START).await?;
        }
        Ok::<_, StoreError>(())
    };
    server.app.store.write(append_all).await.expect("appended");
}

#[tokio::test]
async fn revocations_come_in_order_and_other_changes_stay_in_the_house() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let before = look(&server, &token, json!({})).await;
    assert!(before.sets.is_empty(), "enrolment and resources are no revocations");
    revoke_grant(&server, "g1", START + 1).await;
    revoke_grant(&server, "g2", START + 2).await;
    let after = look(&server, &token, json!({"after": before.position})).await;
    let revocation = |subject: &str, at| Revocation { kind: RevocationKind::Grant, subject: subject.into(), at };
    assert_eq!(told(&server, &after), [revocation("g1", START + 1), revocation("g2", START + 2)]);
    assert!(look(&server, &token, json!({"after": after.position})).await.sets.is_empty());
    assert!(!after.more_available);
}

#[tokio::test]
async fn every_kind_of_revocation_is_told() {
    let server = TestServer::start().await;
    let kinds = [
        (ChangeKind::Grant, RevocationKind::Grant, "g"),
        (ChangeKind::Jti, RevocationKind::Jti, "j"),
        (ChangeKind::StaticToken, RevocationKind::StaticToken, "s"),
        (ChangeKind::User, RevocationKind::User, "u"),
        (ChangeKind::UserInOrganization, RevocationKind::UserInOrganization, "u/o"),
        (ChangeKind::Client, RevocationKind::Client, "c"),
        (ChangeKind::Organization, RevocationKind::Organization, "o"),
        (ChangeKind::Resource, RevocationKind::Resource, RESOURCE),
        (ChangeKind::Kid, RevocationKind::Kid, "k"),
    ];
    for (change, _, subject) in kinds {
        revoke(&server, change, subject, START).await;
    }
    let token = server.machine_token().await;
    let heard = hear(&server, &token).await;
    let expected = kinds.map(|(_, kind, subject)| Revocation { kind, subject: subject.into(), at: START });
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_receiver_without_our_extension_goes_on_by_acknowledging() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    for grant in ["g1", "g2", "g3"] {
        revoke_grant(&server, grant, START).await;
    }
    let first = look(&server, &token, json!({"maxEvents": 2})).await;
    assert_eq!((subjects(&server, &first).as_slice(), first.more_available), (&["g1".into(), "g2".into()][..], true));
    let acknowledged: Vec<_> = first.sets.keys().cloned().collect();
    let second = look(&server, &token, json!({"ack": acknowledged})).await;
    assert_eq!((subjects(&server, &second).as_slice(), second.more_available), (&["g3".into()][..], false));
    let refused: serde_json::Map<_, _> =
        second.sets.keys().map(|jti| (jti.clone(), json!({"err": "invalid_key", "description": "no"}))).collect();
    let again = look(&server, &token, json!({"ack": acknowledged, "setErrs": refused})).await;
    assert_eq!(again.sets.keys().collect::<Vec<_>>(), second.sets.keys().collect::<Vec<_>>(), "it comes again");
    let only = look(&server, &token, json!({"ack": second.sets.keys().collect::<Vec<_>>(), "maxEvents": 0})).await;
    assert!(only.sets.is_empty() && !only.more_available);
}

#[tokio::test]
async fn without_a_position_everything_that_may_still_matter_is_answered() {
    let server = TestServer::start().await;
    server.clock.advance(10 * 24 * 3600);
    let now = START + 10 * 24 * 3600;
    revoke_grant(&server, "too old", now - REVOCATION_MEMORY_SECONDS - 1).await;
    revoke_grant(&server, "just young", now - REVOCATION_MEMORY_SECONDS).await;
    revoke_grant(&server, "young", now - 60).await;
    // The clock of whoever wrote this one was far behind: what stands before it must not be hidden by it.
    revoke_grant(&server, "skewed", START - 100 * 24 * 3600).await;
    let token = server.machine_token().await;
    let answer = look(&server, &token, json!({})).await;
    assert_eq!(subjects(&server, &answer), ["just young", "young", "skewed"]);
}

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
async fn pages_without_revocations_are_answered_at_once_until_the_last() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    change_clients(&server, 2500).await;
    revoke_grant(&server, "g", START).await;
    let mut page = ask_at_once(&server, &token, json!({})).await;
    let mut pages = 1;
    while page.more_available {
        assert!(page.sets.is_empty());
        page = ask_at_once(&server, &token, json!({"after": page.position})).await;
        pages += 1;
    }
    assert_eq!((pages, subjects(&server, &page)), (3, vec!["g".to_owned()]));
}

#[tokio::test]
async fn an_answer_holds_no_more_events_than_it_may_and_the_next_goes_on() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let count = EVENTS_AN_ANSWER_MAX + 5;
    for number in 0..count {
        revoke_grant(&server, &format!("g{number}"), START).await;
    }
    let first = ask_at_once(&server, &token, json!({"maxEvents": 100_000})).await;
    assert_eq!((first.sets.len(), first.more_available), (EVENTS_AN_ANSWER_MAX, true));
    let second = ask_at_once(&server, &token, json!({"after": first.position})).await;
    assert_eq!((second.sets.len(), second.more_available), (5, false));
    assert_eq!(subjects(&server, &second)[4], format!("g{}", count - 1));
}

#[tokio::test]
async fn a_full_page_with_nothing_behind_it_is_the_last() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    change_clients(&server, 1000).await;
    assert!(!look(&server, &token, json!({"after": position})).await.more_available);
}

#[tokio::test]
async fn a_position_that_is_none_is_answered_from_the_beginning_at_once() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    revoke_grant(&server, "g", START).await;
    let ours = look(&server, &token, json!({})).await.position;
    let (history, rest) = ours.split_once('.').expect("parts");
    let ahead = format!("{history}.{}.x", 1_000_000);
    let (foreign, forged) = (format!("elsewhere.{rest}"), format!("{}x", ours));
    for position in ["", "nonsense", &ahead, &foreign, &forged, "-1"] {
        let page = ask_at_once(&server, &token, json!({"after": position})).await;
        assert_eq!((subjects(&server, &page), &page.position), (vec!["g".to_owned()], &ours), "{position}");
        let page = ask_at_once(&server, &token, json!({"ack": [position]})).await;
        assert_eq!(subjects(&server, &page), ["g"], "{position}");
    }
}

async fn a_database_that_was_replaced_is_read_from_its_beginning(store: &Store) {
    let old = TestServer::start().await;
    let new = TestServer::start_on(store.clone(), "").await;
    for server in [&old, &new] {
        revoke_grant(server, "g", START).await;
    }
    let held = look(&old, &old.machine_token().await, json!({})).await.position;
    let token = new.machine_token().await;
    let answer = ask_at_once(&new, &token, json!({"after": held})).await;
    assert_eq!(subjects(&new, &answer), ["g"], "the same row at the same place of another database");
}

const FORGET_LAST: Statement = Statement::new(
    "test.forget_last",
    "DELETE FROM change_log WHERE position = (SELECT position FROM change_position)",
);
const STEP_BACK: Statement = Statement::new("test.step_back", "UPDATE change_position SET position = position - 1");

/// Takes the last change back, as restoring an older copy of the database does.
async fn restore_the_copy_before(server: &TestServer) {
    let step = |mut tx: Tx| async move {
        tx.execute(&FORGET_LAST, binds![]).await?;
        tx.execute(&STEP_BACK, binds![]).await.map(drop)
    };
    server.app.store.write(step).await.expect("restored");
}

async fn a_restored_database_that_outgrew_the_position_is_read_from_its_beginning(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let token = server.machine_token().await;
    revoke_grant(&server, "kept", START).await;
    revoke_grant(&server, "lost", START + 1).await;
    let held = look(&server, &token, json!({})).await;
    restore_the_copy_before(&server).await;
    let behind = ask_at_once(&server, &token, json!({"after": held.position})).await;
    assert_eq!(subjects(&server, &behind), ["kept"], "the position does not exist yet");
    revoke_grant(&server, "new", START + 9).await;
    revoke_grant(&server, "newer", START + 10).await;
    let outgrown = ask_at_once(&server, &token, json!({"after": held.position})).await;
    assert_eq!(subjects(&server, &outgrown), ["kept", "new", "newer"], "another row stands at its place");
}

async fn a_swept_log_answers_receivers_behind_and_at_its_end(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let token = server.machine_token().await;
    let behind = look(&server, &token, json!({})).await.position;
    revoke_grant(&server, "old", START).await;
    let end = look(&server, &token, json!({})).await.position;
    let later = START + 30 * 24 * 3600;
    sweep_once(store, later).await.expect("swept");
    server.clock.advance(later - START);
    let token = server.machine_token().await;
    let idle = look(&server, &token, json!({"after": end})).await;
    assert_eq!((idle.sets.len(), &idle.position), (0, &end), "the last row stays, whatever its age");
    revoke_grant(&server, "young", later).await;
    for after in [&behind, &end] {
        let answer = ask_at_once(&server, &token, json!({"after": after})).await;
        assert_eq!(subjects(&server, &answer).last().map(String::as_str), Some("young"), "{after}");
    }
}

#[tokio::test]
async fn any_instance_answers_from_a_position_of_another() {
    let database = Database::sqlite_memory().await;
    let server = TestServer::start_on(database.store().clone(), "").await;
    let token = server.machine_token().await;
    let position = look(&server, &token, json!({})).await.position;
    let other = server.another("").await;
    revoke_grant(&server, "g", START).await;
    let answer = ask_at_once(&other, &token, json!({"after": position})).await;
    assert_eq!(subjects(&other, &answer), ["g"]);
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
