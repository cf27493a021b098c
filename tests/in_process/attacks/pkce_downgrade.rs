//! PKCE downgrade (RFC 9700 §4.8): there is no request without a challenge, no method but S256, and no redemption without a verifier, for
//! public and confidential clients alike.

use crate::auth_server::{
    TestServer,
    given::{Given, SECRET, TOKEN, basic, confidential_client},
    visitors::{Ask, LOOPBACK, WEBSITE, brought},
};
use auth_server::clients::{Client, GrantType};
use shared::protocol::pkce::s256;

#[tokio::test]
async fn no_request_gets_by_without_s256() {
    let server = TestServer::start().await;
    let public = server.register_client("Client").await;
    let usual = confidential_client("web");
    server.add_client(&Client { redirect_uris: vec![WEBSITE.to_owned()], ..usual }).await;
    for client in [public.as_str(), "web"] {
        for changes in [
            &[("code_challenge", "")][..],
            &[("code_challenge_method", "")],
            &[("code_challenge", ""), ("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
            &[("code_challenge_method", "s256")],
            &[("code_challenge_method", "S512")],
            &[("code_challenge", &"a".repeat(42))],
            &[("code_challenge", &"a".repeat(44))],
            &[("code_challenge", &"a".repeat(128))],
        ] {
            let ask = changes.iter().fold(Ask::of(client), |ask, (name, value)| ask.with(name, value));
            let refused = brought(&server.get(&ask.path()).await, WEBSITE);
            assert_eq!(refused["error"], "invalid_request", "{client}: {changes:?}");
            assert!(!refused.contains_key("code"));
        }
    }
}

#[tokio::test]
async fn a_challenge_given_twice_is_none_at_all() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    let chosen = s256("a-verifier-that-the-attacker-knows-0123456789-abc");
    for extra in [format!("code_challenge={chosen}"), "code_challenge_method=plain".to_owned()] {
        let answer = server.get(&format!("{}&{extra}", Ask::of(&client).path())).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{extra}");
    }
}

#[tokio::test]
async fn no_redemption_gets_by_without_its_verifier() {
    let server = TestServer::with_app().await;
    let machine = confidential_client("machine");
    let grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    server.add_client(&Client { redirect_uris: vec![LOOPBACK.to_owned()], grant_types, ..machine }).await;
    for client in ["app", "machine"] {
        for verifier in [None, Some(""), Some("plain"), Some(s256(crate::auth_server::given::VERIFIER).as_str())] {
            let code = server.give(&Given { client, ..Given::USUAL }).await;
            let mut form = vec![("grant_type", "authorization_code"), ("client_id", client), ("code", code.as_str())];
            form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
            let answer = match client {
                "app" => server.post_form(TOKEN, &form).await,
                _ => server.post_form_as(TOKEN, &basic(client, SECRET), &form).await,
            };
            assert_eq!(answer.status, 400, "{client} {verifier:?}");
            assert!(matches!(answer.error().as_str(), "invalid_grant" | "invalid_request"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn metadata_offers_nothing_weaker() {
    let server = TestServer::start().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let document = server.get(path).await.json();
        assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]), "{path}");
        assert_eq!(document["response_types_supported"], serde_json::json!(["code"]), "{path}");
    }
}
