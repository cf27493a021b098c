//! Code injection (RFC 9700 §4.5): a stolen code is worthless without the verifier that only the client which asked has, and each attempt
//! spends it.

use crate::auth_server::{
    Answer, TestServer,
    given::{Given, REDIRECT_URI, SECRET, TOKEN, VERIFIER, basic, confidential_client, public_client},
};
use shared::protocol::{
    opaque_token::{OpaqueToken, TokenKind},
    pkce::s256,
};

/// The verifier of the client into whose session a code is injected.
const OTHER_VERIFIER: &str = "the-honest-clients-own-verifier-0123456789-abcdef";

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

async fn redeem(server: &TestServer, code: &str, client: &str, verifier: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", REDIRECT_URI),
    ];
    server.post_form(TOKEN, &form).await
}

#[tokio::test]
async fn a_code_injected_into_another_session_of_the_same_client_is_refused_and_spent() {
    let server = TestServer::with_app().await;
    for verifier in [OTHER_VERIFIER, &s256(VERIFIER), &VERIFIER.to_uppercase(), &VERIFIER[..42], &VERIFIER.repeat(2)] {
        let code = server.give(&Given::USUAL).await;
        assert_eq!(redeem(&server, &code, "app", verifier).await.refusal(), invalid_grant(), "{verifier}");
        let late = redeem(&server, &code, "app", VERIFIER).await;
        assert_eq!(late.refusal(), invalid_grant(), "one attempt is all there is");
    }
}

#[tokio::test]
async fn a_stolen_code_is_refused_without_a_verifier() {
    let server = TestServer::with_app().await;
    let code = server.give(&Given::USUAL).await;
    let form = [("grant_type", "authorization_code"), ("client_id", "app"), ("code", code.as_str())];
    let answer = server.post_form(TOKEN, &form).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.contains("_token\""), "{answer:?}");
}

#[tokio::test]
async fn a_code_is_bound_to_its_client_whoever_else_authenticates() {
    let server = TestServer::with_app().await;
    server.add_client(&public_client("thief")).await;
    server.add_client(&confidential_client("machine")).await;
    let code = server.give(&Given::USUAL).await;
    assert_eq!(redeem(&server, &code, "thief", VERIFIER).await.refusal(), invalid_grant());
    let code = server.give(&Given::USUAL).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    let answer = server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await;
    assert_eq!(answer.refusal(), invalid_grant(), "a proven client is still another one");
}

#[tokio::test]
async fn a_code_that_was_redeemed_ends_its_tokens_when_it_is_injected_again() {
    let server = TestServer::with_app().await;
    let code = server.give(&Given::USUAL).await;
    let tokens = server.redeem(&code).await;
    server.follow().await;
    assert_eq!(redeem(&server, &code, "app", OTHER_VERIFIER).await.refusal(), invalid_grant());
    assert_eq!(server.refresh(&tokens.text("refresh_token")).await.refusal(), invalid_grant());
    assert_eq!(server.audited("code_replayed").await, 1);
}

#[tokio::test]
async fn guessed_codes_are_refused_alike() {
    let server = TestServer::with_app().await;
    let code = server.give(&Given::USUAL).await;
    let guess = OpaqueToken::from_entropy(TokenKind::AuthorizationCode, &[7; 32]);
    let unknown = server.redeem(guess.expose()).await;
    let (head, last) = code.split_at(code.len() - 1);
    let changed = server.redeem(&format!("{head}{}", if last == "A" { "B" } else { "A" })).await;
    assert_eq!((unknown.status, &unknown.body), (changed.status, &changed.body));
    assert_eq!(server.redeem(&code).await.status, 200, "a near miss spends nothing");
}
