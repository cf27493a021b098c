//! Tokens of other authorization servers, beside our own and in its place.

use super::{
    foreign_issuer::{self, Foreign},
    issuer,
    server::{IN_TIME, RESOURCE, Server},
    sessions,
};
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::{
    protocol::{jwt::AssertionSigner, security_event::RevocationKind},
    random::SystemRandom,
};
use std::sync::atomic::Ordering;
use system_tests::poll::until;

/// A server that belongs to our own issuer and trusts `foreign`, too.
pub async fn beside(foreign: &Foreign, more: &str) -> Server {
    Server::start_with(&foreign.trusted(more)).await
}

/// A server that trusts these and nobody else.
pub async fn in_place(foreign: &[&Foreign], more: &str) -> Server {
    let tables: String = foreign.iter().map(|foreign| foreign.trusted(more)).collect();
    let server =
        Server::start_unready(issuer::start().await, &format!("own_authorization_server = false\n{tables}")).await;
    server.wait_until_ready().await;
    server
}

fn token(foreign: &Foreign, server: &Server) -> String {
    foreign.sign(&foreign.claims(RESOURCE, server.now()))
}

#[tokio::test]
async fn a_standard_issuer_stands_in_for_ours() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], "").await;
    let who = server.call(&token(&foreign, &server), "whoami", json!({})).await;
    assert_eq!(who.status, StatusCode::OK, "{}", who.text());
    let who = &who.json()["result"]["structuredContent"];
    assert_eq!(
        (&who["subject"], &who["issuer"], &who["roles"]),
        (&json!("ann"), &json!(foreign.issuer), &json!(["member"]))
    );
    let document = server.get("/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(document["authorization_servers"], json!([foreign.issuer]));
    // Clients that look for the issuer's metadata here find it as it is there.
    let metadata = server.get("/.well-known/openid-configuration").await;
    assert_eq!(metadata.json(), foreign.document());
    assert!(server.issuer.enrolled.lock().expect("unpoisoned").is_none(), "it enrols nowhere");
    assert_eq!(server.issuer.keys_asked.load(Ordering::SeqCst), 0, "and asks nobody else");
    let ours = server.list(&server.token("mcp.read")).await;
    assert_eq!(ours.status, StatusCode::UNAUTHORIZED, "our own issuer is a stranger here");
}

#[tokio::test]
async fn without_keys_it_is_not_ready_and_judges_nothing() {
    let foreign = foreign_issuer::start().await;
    foreign.jwks.answer(foreign_issuer::Instead::Status(StatusCode::BAD_GATEWAY));
    let table = format!("own_authorization_server = false\n{}", foreign.trusted(""));
    let server = Server::start_unready(issuer::start().await, &table).await;
    let unready = server.get("/readyz").await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(unready.text().contains("no trusted issuer can be reached"), "{}", unready.text());
    let answer = server.list(&token(&foreign, &server)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").parse::<u64>().expect("seconds") >= 1);
    foreign.jwks.answer(foreign_issuer::Instead::Nothing);
    server.wait_until_ready().await;
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_same_subject_at_two_issuers_is_two_people() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    let document = server.get("/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(document["authorization_servers"], json!([server.issuer.url, foreign.issuer]), "ours first");
    let mut claims = foreign.claims(RESOURCE, server.now());
    (claims["sub"], claims["scope"]) = (json!("alice"), json!("mcp.read mcp.write"));
    let theirs = foreign.sign(&claims);
    let ours = server.token("mcp.read mcp.write");
    assert_eq!(server.call(&ours, "create_event", json!({"title": "ours"})).await.status, StatusCode::OK);
    let listed = |answer: Value| answer["result"]["structuredContent"]["events"].as_array().map(Vec::len);
    assert_eq!(listed(server.call(&theirs, "list_events", json!({})).await.json()), Some(0));
    assert_eq!(listed(server.call(&ours, "list_events", json!({})).await.json()), Some(1));
    let remaining = |answer: &super::server::Answer| answer.header("x-ratelimit-remaining").to_owned();
    let (mine, yours) = (server.list(&ours).await, server.list(&theirs).await);
    assert_ne!(remaining(&mine), remaining(&yours), "each has a limit of its own");
}

#[tokio::test]
async fn sessions_of_one_issuer_are_nobodys_at_another() {
    let foreign = foreign_issuer::start().await;
    let server = Server::start_with(&format!("{}\n{}", sessions::SETTINGS, foreign.trusted(""))).await;
    let mut claims = foreign.claims(RESOURCE, server.now());
    claims["sub"] = json!("alice");
    let theirs = foreign.sign(&claims);
    let session = sessions::open_session(&server, &server.token("mcp.read")).await;
    let in_it = |token: &str| server.send(sessions::in_session(sessions::whoami(token), &session));
    assert_eq!(in_it(&server.token("mcp.read")).await.status, StatusCode::OK);
    let stranger = in_it(&theirs).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND, "{}", stranger.text());
}

#[tokio::test]
async fn our_feed_revokes_nothing_of_theirs_and_its_silence_is_not_their_concern() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    let mut claims = foreign.claims(RESOURCE, server.now());
    claims["sub"] = json!("alice");
    let (ours, theirs) = (server.token("mcp.read"), foreign.sign(&claims));
    for kind in [RevocationKind::User, RevocationKind::Jti] {
        let subject = if kind == RevocationKind::User { "alice" } else { "jti-1" };
        server.issuer.revoke(kind, subject, server.now());
    }
    until("ours is revoked", IN_TIME, || async {
        (server.list(&ours).await.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("revoked");
    assert_eq!(server.list(&theirs).await.status, StatusCode::OK);
    server.issuer.break_feed(true);
    *server.issuer.introspection.lock().expect("unpoisoned") = issuer::Introspection::Broken;
    server.advance(400);
    let bobs = server.token_of("bob", "client", "mcp.read");
    assert_eq!(server.list(&bobs).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let call = server.call(&theirs, "list_events", json!({})).await;
    assert_eq!(call.status, StatusCode::OK, "{}", call.text());
}

#[tokio::test]
async fn claims_are_read_where_the_operator_says() {
    let foreign = foreign_issuer::start().await;
    let more = "audience = \"mcp-server\"\naccept_typ_jwt = true\nclient_id_claim = \"azp\"\nscope_claim = \"scp\"\nroles_claim = \"realm_access.roles\"";
    let server = in_place(&[&foreign], more).await;
    let claims = json!({
        "iss": foreign.issuer, "sub": "ann", "aud": "mcp-server", "exp": server.now() + 60, "iat": server.now(),
        "azp": "inspector", "scp": ["mcp.read", "mcp.write"], "typ": "Bearer", "realm_access": {"roles": ["administrator"]},
    });
    for typ in ["JWT", "at+jwt"] {
        let who = server.call(&foreign.signer.sign_claims(typ, &claims).expect("a token"), "whoami", json!({})).await;
        let who = who.json()["result"]["structuredContent"].clone();
        assert_eq!(
            (&who["client_id"], &who["scopes"]),
            (&json!("inspector"), &json!(["mcp.read", "mcp.write"])),
            "{typ}"
        );
        assert_eq!(who["roles"], json!(["administrator", "member"]));
    }
    let without = server.list(&token(&foreign, &server)).await;
    assert_eq!(without.status, StatusCode::UNAUTHORIZED, "the resource is not the audience here");
}

#[tokio::test]
async fn a_token_without_scopes_is_told_what_to_ask_for() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], "").await;
    let mut claims = foreign.claims(RESOURCE, server.now());
    claims.as_object_mut().expect("an object").remove("scope");
    let answer = server.call(&foreign.sign(&claims), "list_events", json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.header("www-authenticate").contains("scope=\"mcp.read\""), "{}", answer.header("www-authenticate"));
}

#[tokio::test]
async fn one_issuers_outage_and_flood_do_not_touch_anothers_callers() {
    let (good, bad) = (foreign_issuer::start().await, foreign_issuer::start().await);
    let server = in_place(&[&good, &bad], "").await;
    assert_eq!(server.list(&token(&bad, &server)).await.status, StatusCode::OK);
    bad.jwks.answer(foreign_issuer::Instead::Status(StatusCode::BAD_GATEWAY));
    bad.metadata.answer(foreign_issuer::Instead::Status(StatusCode::BAD_GATEWAY));
    server.advance(7 * 3600);
    let asked = good.jwks.asked();
    for _ in 0..20 {
        let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
        let flood = stranger.sign_claims("at+jwt", &bad.claims(RESOURCE, server.now())).expect("a token");
        assert_eq!(server.list(&flood).await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(server.list(&token(&good, &server)).await.status, StatusCode::OK);
    }
    assert!(good.jwks.asked() - asked <= 1, "nobody asks the good one because of the bad one");
    assert_eq!(server.get("/readyz").await.status, StatusCode::OK, "the other issuer is enough");
}

#[tokio::test]
async fn keys_are_fetched_again_as_the_issuer_says_and_not_sent_twice() {
    let foreign = foreign_issuer::start().await;
    *foreign.etag.lock().expect("unpoisoned") = Some("\"one\"".to_owned());
    let server = in_place(&[&foreign], "").await;
    let first = foreign.jwks.asked();
    server.advance(301);
    let renewed = || async {
        server.list(&token(&foreign, &server)).await;
        (foreign.unmodified.load(Ordering::SeqCst) > 0).then_some(())
    };
    until("the keys are asked for again", IN_TIME, renewed).await.expect("asked");
    assert_eq!(foreign.jwks.asked(), first + 1);
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK, "the same keys serve on");
    // A key that is new is fetched because a token names it; one that was withdrawn is good for nothing.
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    *foreign.keys.lock().expect("unpoisoned") = vec![issuer::public_key(&next)];
    *foreign.etag.lock().expect("unpoisoned") = Some("\"two\"".to_owned());
    server.advance(11);
    let fresh = next.sign_claims("at+jwt", &foreign.claims(RESOURCE, server.now())).expect("a token");
    assert_eq!(server.list(&fresh).await.status, StatusCode::OK);
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_can_be_used_of_a_key_set_is_used() {
    let foreign = foreign_issuer::start().await;
    let mut encryption = issuer::public_key(&foreign.signer);
    (encryption["use"], encryption["kid"]) = (json!("enc"), json!("other"));
    foreign
        .keys
        .lock()
        .expect("unpoisoned")
        .extend([encryption, json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq"})]);
    let server = in_place(&[&foreign], "").await;
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_issuer_may_have_its_keys_on_a_host_that_is_listed() {
    let (foreign, elsewhere) = (foreign_issuer::start().await, foreign_issuer::start().await);
    *elsewhere.keys.lock().expect("unpoisoned") = vec![issuer::public_key(&foreign.signer)];
    let mut document = foreign.document();
    document["jwks_uri"] = elsewhere.document()["jwks_uri"].clone();
    foreign.metadata.answer(foreign_issuer::Instead::Text(document.to_string()));
    let host = elsewhere.issuer.trim_start_matches("http://").split('/').next().expect("a host").to_owned();
    let server = in_place(&[&foreign], &format!("hosts = [\"{host}\"]")).await;
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK);
    let table = format!("own_authorization_server = false\n{}", foreign.trusted(""));
    let unlisted = Server::start_unready(issuer::start().await, &table).await;
    let asked = elsewhere.jwks.asked();
    assert_eq!(unlisted.list(&token(&foreign, &unlisted)).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(elsewhere.jwks.asked(), asked, "a host that nobody listed is not asked");
}

/// Signed by a key that nobody published.
fn by_stranger(foreign: &Foreign, issued_at: i64) -> String {
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    stranger.sign_claims("at+jwt", &foreign.claims(RESOURCE, issued_at)).expect("a token")
}

#[tokio::test]
async fn a_key_that_is_used_at_once_costs_its_tokens_seconds_and_never_a_401() {
    let foreign = foreign_issuer::start().await;
    let tables = foreign.trusted("");
    let server = Server::start_with(&format!("forged_tokens_per_minute = 1\n{tables}")).await;
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK);
    server.advance(20);
    let forged = server.list(&by_stranger(&foreign, server.now())).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "the issuer was asked, and does not know its key");
    let (next, asked) = (AssertionSigner::generate(&SystemRandom).expect("a key"), foreign.jwks.asked());
    foreign.keys.lock().expect("unpoisoned").push(issuer::public_key(&next));
    let good = next.sign_claims("at+jwt", &foreign.claims(RESOURCE, server.now())).expect("a token");
    let from = |token: &str| server.send(super::opaque_tokens::from(token, "203.0.113.9:1"));
    for _ in 0..20 {
        let waiting = from(&good).await;
        assert_eq!(waiting.status, StatusCode::SERVICE_UNAVAILABLE, "{}", waiting.text());
        assert_eq!(waiting.header("retry-after"), "10");
    }
    assert_eq!(foreign.jwks.asked(), asked, "and nobody asks over and over");
    server.advance(10);
    assert_eq!(from(&good).await.status, StatusCode::OK, "nothing of it counted against the block");
    assert_eq!(foreign.jwks.asked(), asked + 1);
}

#[tokio::test]
async fn whoever_invents_keys_keeps_nobody_elses_bad_token_from_its_401() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK);
    let (dead, asked) = (by_stranger(&foreign, server.now()), foreign.jwks.asked());
    server.advance(16);
    for second in 0..60 {
        let flood = server.list(&by_stranger(&foreign, server.now())).await;
        assert!([401, 503].contains(&flood.status.as_u16()), "{}", flood.text());
        assert_eq!(
            server.list(&dead).await.status,
            StatusCode::UNAUTHORIZED,
            "it is no newer than what was asked: {second}"
        );
        assert_eq!(server.list(&token(&foreign, &server)).await.status, StatusCode::OK);
        server.advance(1);
    }
    assert!(foreign.jwks.asked() - asked <= 7, "{} fetches in a minute", foreign.jwks.asked() - asked);
}

/// A fetch that was under way when a token came says nothing of the token's key.
#[tokio::test]
async fn a_key_that_is_published_during_a_fetch_is_found_by_the_next() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], "").await;
    let asked = foreign.jwks.asked();
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    foreign.jwks.answer(foreign_issuer::Instead::Late(gate.clone()));
    server.advance(301);
    server.list(&token(&foreign, &server)).await;
    until("the keys are asked for", IN_TIME, || async { (foreign.jwks.asked() > asked).then_some(()) })
        .await
        .expect("asked");
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    *foreign.keys.lock().expect("unpoisoned") = vec![issuer::public_key(&next)];
    foreign.jwks.answer(foreign_issuer::Instead::Nothing);
    server.advance(11);
    let fresh = next.sign_claims("at+jwt", &foreign.claims(RESOURCE, server.now())).expect("a token");
    let (answer, ()) = tokio::join!(server.list(&fresh), async { gate.notify_one() });
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}
