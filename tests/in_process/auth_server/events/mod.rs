//! `POST /api/events`: polling for Security Event Tokens (RFC 8936), a view of the change log.

mod positions;
mod receivers;

use super::{
    TestServer,
    answer::Answer,
    test_server::{RESOURCE, RESOURCE_SERVER, START},
};
use auth_server::{
    change_log::{Change, ChangeKind, append},
    store,
};
use serde_json::{Value, json};
use shared::{
    db::{StoreError, Tx},
    protocol::{
        event_poll::PollAnswer,
        jwt::verify_security_event,
        revocation_set::REVOCATION_MEMORY_SECONDS,
        security_event::{Revocation, RevocationKind},
    },
};
use std::time::Duration;

const EVENTS: &str = "/api/events";

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
