//! A key is revoked: what it signed hears 401 and is no forgery, and what its replacement signs never hears 401.

use super::{
    issuer::public_key,
    server::{IN_TIME, Server, list, post},
};
use axum::http::{Request, StatusCode};
use shared::{
    http::PeerAddress,
    protocol::{jwt::AssertionSigner, security_event::RevocationKind},
    random::SystemRandom,
};
use system_tests::poll::until;

fn kid(signer: &AssertionSigner) -> String {
    public_key(signer)["kid"].as_str().map_or_else(|| signer.public_jwk().thumbprint(), str::to_owned)
}

#[tokio::test]
async fn its_tokens_are_refused_and_do_not_count_as_forged() {
    let server = Server::start().await;
    let stolen = server.token("mcp.read");
    assert_eq!(server.list(&stolen).await.status, StatusCode::OK);
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    *server.issuer.keys.lock().expect("unpoisoned") = vec![public_key(&next)];
    server.issuer.revoke(RevocationKind::Kid, &kid(&server.issuer.signer), server.now());
    until("it is refused", IN_TIME, || async {
        (server.list(&stolen).await.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("refused");
    let from_one_block = |token: &str| {
        let mut request: Request<_> = post(token, list().to_string());
        request.extensions_mut().insert(PeerAddress("203.0.113.9:4711".parse().expect("an address")));
        server.send(request)
    };
    // More people behind one address than forged tokens are allowed.
    for user in 0..70 {
        let theirs = server.token_of(&format!("user-{user}"), "client", "mcp.read");
        assert_eq!(from_one_block(&theirs).await.status, StatusCode::UNAUTHORIZED, "user {user}");
    }
    let fresh = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(from_one_block(&fresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_replacement_that_a_lagging_instance_does_not_publish_yet_is_503_and_never_401() {
    let server = Server::start().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    let fresh = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    // The instance that tells of the revocation knows it; the one that is asked for keys does not.
    let asked = server.issuer.keys_asked.load(std::sync::atomic::Ordering::SeqCst);
    server.issuer.revoke(RevocationKind::Kid, "another", server.now());
    until("the keys are asked for", IN_TIME, || async {
        (server.issuer.keys_asked.load(std::sync::atomic::Ordering::SeqCst) > asked).then_some(())
    })
    .await
    .expect("renewed");
    let answer = until("the answer is in", IN_TIME, || async {
        let answer = server.list(&fresh).await;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await
    .expect("nothing is said about it");
    assert!(!answer.header("retry-after").is_empty());
    server.issuer.keys.lock().expect("unpoisoned").push(public_key(&next));
    server.advance(1);
    assert_eq!(server.list(&fresh).await.status, StatusCode::OK, "a second later");

    server.advance(60);
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    let forged = stranger.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(server.list(&forged).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.list(&forged).await.status, StatusCode::UNAUTHORIZED, "settled again");
}

#[tokio::test]
async fn a_key_that_one_lagging_answer_left_out_is_asked_for_again() {
    let server = Server::start().await;
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    let fresh = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    let published = || server.issuer.keys.lock().expect("unpoisoned");
    let lagging = published().clone();
    published().push(public_key(&next));
    server.advance(11);
    assert_eq!(server.list(&fresh).await.status, StatusCode::OK);
    // Somebody's nonsense makes us ask, and an instance answers that does not publish the new key yet.
    let up_to_date = std::mem::replace(&mut *published(), lagging);
    server.advance(11);
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    let forged = stranger.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(server.list(&forged).await.status, StatusCode::UNAUTHORIZED);
    *published() = up_to_date;
    server.advance(11);
    let fresh = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(server.list(&fresh).await.status, StatusCode::OK, "ten seconds later, not five minutes");
}

/// Nobody knows how old the keys are once the clock was set back: a withdrawn one must not live until the clock has caught up.
#[tokio::test]
async fn keys_do_not_outlive_a_clock_that_was_set_back() {
    let server = Server::start().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    *server.issuer.keys.lock().expect("unpoisoned") = vec![public_key(&next)];
    server.advance(-24 * 3600);
    let withdrawn = server.token_of("bob", "client", "mcp.read");
    assert_eq!(server.list(&withdrawn).await.status, StatusCode::UNAUTHORIZED);
    let fresh = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(server.list(&fresh).await.status, StatusCode::OK);
    let asked = server.issuer.keys_asked.load(std::sync::atomic::Ordering::SeqCst);
    let another = next.sign_claims("at+jwt", &server.claims("mcp.read mcp.write")).expect("a token");
    assert_eq!(server.list(&another).await.status, StatusCode::OK);
    assert_eq!(
        server.issuer.keys_asked.load(std::sync::atomic::Ordering::SeqCst),
        asked,
        "they are fresh by the new time"
    );
}
