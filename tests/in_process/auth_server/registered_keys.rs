//! `private_key_jwt` of clients that register themselves: which keys they may bring, and that these open the door and no others do.

use super::{
    Answer, TestServer,
    assertion_key::AssertionKey,
    given::{Given, TOKEN, VERIFIER},
    test_server::START,
};
use auth_server::{clients::authenticate::private_key_jwt::UNCONFIRMED_ASSERTIONS, store};
use serde_json::{Value, json};
use shared::protocol::jwt::CLIENT_ASSERTION_TYPE;

const ISSUER: &str = "http://localhost:9400";

fn document(jwks: &Value) -> Value {
    json!({ "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks })
}

async fn register(server: &TestServer, document: &Value) -> Answer {
    server.post_json("/oauth2/register", document).await
}

async fn present(server: &TestServer, client: &str, token: &str) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "unknown"),
        ("client_id", client),
        ("client_assertion_type", CLIENT_ASSERTION_TYPE),
        ("client_assertion", token),
    ];
    server.post_form(TOKEN, &form).await
}

fn claims(client: &str, jti: &str) -> Value {
    json!({ "iss": client, "sub": client, "aud": ISSUER, "iat": START, "exp": START + 60, "jti": jti })
}

#[tokio::test]
async fn every_advertised_algorithm_verifies_and_no_other() {
    let server = TestServer::start().await;
    let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
    let advertised = metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().expect("a list").clone();
    assert_eq!(advertised, [json!("ES256"), json!("RS256"), json!("PS256"), json!("EdDSA")]);
    for algorithm in ["ES256", "RS256", "PS256", "EdDSA"] {
        let key = AssertionKey::generate(algorithm);
        let answer = register(&server, &document(&json!({ "keys": [key.public_jwk()] }))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.json()["token_endpoint_auth_method"], "private_key_jwt");
        assert_eq!(answer.json()["jwks"]["keys"][0]["alg"], algorithm);
        assert!(answer.json().get("client_secret").is_none());
        let client = answer.text("client_id");
        let good = present(&server, &client, &key.sign(&claims(&client, "1"))).await;
        assert_eq!(good.refusal(), (400, "invalid_grant".to_owned()), "{algorithm} is let in");
        let stranger = AssertionKey::generate(algorithm);
        for forged in [
            stranger.sign(&claims(&client, "2")),
            key.sign_with(&json!({ "alg": "none", "kid": key.kid }), &claims(&client, "3")),
            key.sign_with(&json!({ "alg": "HS256", "kid": key.kid }), &claims(&client, "4")),
            key.sign_with(&json!({ "alg": other_than(algorithm), "kid": key.kid }), &claims(&client, "5")),
            stranger.sign_with(
                &json!({ "alg": algorithm, "kid": key.kid, "jwk": stranger.public_jwk() }),
                &claims(&client, "6"),
            ),
        ] {
            let refused = present(&server, &client, &forged).await;
            assert_eq!(refused.refusal(), (401, "invalid_client".to_owned()), "{algorithm} {forged}");
        }
    }
}

fn other_than(algorithm: &str) -> &'static str {
    if algorithm == "RS256" { "PS256" } else { "RS256" }
}

#[tokio::test]
async fn an_rsa_key_without_algorithm_is_for_the_one_the_client_names() {
    let server = TestServer::start().await;
    let key = AssertionKey::generate("PS256");
    let mut jwk = key.public_jwk();
    jwk.as_object_mut().expect("an object").remove("alg");
    let mut asked = document(&json!({ "keys": [jwk] }));
    asked["token_endpoint_auth_signing_alg"] = json!("PS256");
    let client = register(&server, &asked).await.text("client_id");
    let answer = present(&server, &client, &key.sign(&claims(&client, "1"))).await;
    assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn keys_that_are_private_shared_weak_doubled_or_many_are_refused_in_words() {
    let server = TestServer::start().await;
    let key = AssertionKey::generate("ES256").public_jwk();
    let with = |name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let named = |number: usize| with("kid", json!(format!("k{number}")));
    let without_kid = {
        let mut key = key.clone();
        key.as_object_mut().expect("an object").remove("kid");
        key
    };
    let weak = json!({ "kty": "RSA", "kid": "r", "e": "AQAB", "n": "x".repeat(171) });
    for (keys, word) in [
        (json!([]), "public signing keys"),
        (json!([with("d", json!("AAAA"))]), "private"),
        (json!([{ "kty": "oct", "k": "AAAA" }]), "public signing keys"),
        (json!([with("use", json!("enc"))]), "public signing keys"),
        (json!([with("alg", json!("HS256"))]), "public signing keys"),
        (json!([with("x", json!("AAAA"))]), "public signing keys"),
        (json!([weak]), "2048"),
        (json!([key, key]), "kid once"),
        (json!([key, without_kid]), "kid"),
        (json!((0..9).map(named).collect::<Vec<_>>()), "at most 8"),
        (json!("no list"), "public signing keys"),
    ] {
        let answer = register(&server, &document(&json!({ "keys": keys }))).await;
        assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{keys}");
        assert!(answer.text("error_description").contains(word), "{answer:?}");
    }
    let by_reference = json!({ "redirect_uris": ["https://a.example/cb"], "jwks_uri": "https://a.example/jwks.json",
        "token_endpoint_auth_method": "private_key_jwt" });
    let mut both = document(&json!({ "keys": [key] }));
    both["jwks_uri"] = json!("https://a.example/jwks.json");
    let mut unknown = document(&json!({ "keys": [key] }));
    unknown["token_endpoint_auth_signing_alg"] = json!("HS256");
    let mut unfit = document(&json!({ "keys": [key] }));
    unfit["token_endpoint_auth_signing_alg"] = json!("EdDSA");
    let mut none = document(&Value::Null);
    none.as_object_mut().expect("an object").remove("jwks");
    for (asked, word) in [
        (by_reference, "inline"),
        (both, "jwks alone"),
        (unknown, "ES256"),
        (unfit, "one of the keys"),
        (none, "inline"),
    ] {
        let answer = register(&server, &asked).await;
        assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{asked}");
        assert!(answer.text("error_description").contains(word), "{answer:?}");
    }
}

#[tokio::test]
async fn several_keys_serve_while_one_replaces_the_other() {
    let server = TestServer::start().await;
    let (old, new) = (AssertionKey::generate("ES256"), AssertionKey::generate("EdDSA").named("key-2"));
    let answer = register(&server, &document(&json!({ "keys": [old.public_jwk(), new.public_jwk()] }))).await;
    let client = answer.text("client_id");
    for key in [&old, &new] {
        let token = key.sign(&claims(&client, key.kid));
        assert_eq!(present(&server, &client, &token).await.refusal(), (400, "invalid_grant".to_owned()));
        assert_eq!(present(&server, &client, &token).await.refusal(), (401, "invalid_client".to_owned()), "once");
    }
}

#[tokio::test]
async fn who_offers_other_methods_too_gets_one_of_them() {
    let server = TestServer::start().await;
    let asked = json!({ "redirect_uris": ["https://chatgpt.com/connector/oauth/x"],
        "token_endpoint_auth_method": ["private_key_jwt", "none"], "jwks_uri": "https://chatgpt.com/oauth/jwks.json" });
    let answer = register(&server, &asked).await;
    assert_eq!((answer.status.as_u16(), answer.text("token_endpoint_auth_method").as_str()), (201, "none"));
    assert!(answer.json().get("jwks_uri").is_none(), "what is not kept is not repeated");
}

/// A token request of `client`, signed at the server's own time.
async fn request(server: &TestServer, client: &str, key: &AssertionKey, form: &[(&str, &str)]) -> Answer {
    let now = shared::clock::Clock::now(&*server.clock);
    let mut claims = claims(client, &shared::random::random_id(&shared::random::SystemRandom));
    (claims["iat"], claims["exp"]) = (json!(now), json!(now + 60));
    let token = key.sign(&claims);
    let proof = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", token.as_str())];
    server.post_form(TOKEN, &[form, &proof].concat()).await
}

#[tokio::test]
async fn a_refresh_token_that_needs_the_key_is_not_replaced() {
    let server = TestServer::with_app().await;
    let key = AssertionKey::generate("ES256");
    let client = register(&server, &document(&json!({ "keys": [key.public_jwk()] }))).await.text("client_id");
    let code = server.give(&Given { client: &client, ..Given::USUAL }).await;
    let form = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", VERIFIER)];
    let token = request(&server, &client, &key, &form).await.text("refresh_token");
    server.follow().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
    for days in [0, 6, 6, 6] {
        server.clock.advance(days * 24 * 3600);
        let answer = request(&server, &client, &key, &form).await;
        assert_eq!((answer.status.as_u16(), answer.text("refresh_token")), (200, token.clone()), "its idle end slides");
    }
    let racers = (0..8).map(|_| request(&server, &client, &key, &form));
    for answer in futures_util::future::join_all(racers).await {
        assert_eq!(answer.status, 200, "all of them, and no replay: {answer:?}");
    }
    let thief = AssertionKey::generate("ES256");
    assert_eq!(request(&server, &client, &thief, &form).await.refusal(), (401, "invalid_client".to_owned()));
    let as_public = [("client_id", client.as_str()), form[0], form[1]];
    assert_eq!(server.post_form(TOKEN, &as_public).await.refusal(), (401, "invalid_client".to_owned()));
    server.clock.advance(8 * 24 * 3600);
    assert_eq!(
        request(&server, &client, &key, &form).await.refusal(),
        (400, "invalid_grant".to_owned()),
        "idle too long"
    );
    assert_eq!(server.audited("refresh_token_theft").await, 0);
}

#[tokio::test]
async fn a_client_that_nobody_consented_to_leaves_few_rows() {
    let server = TestServer::start().await;
    let key = AssertionKey::generate("ES256");
    let client = register(&server, &document(&json!({ "keys": [key.public_jwk()] }))).await.text("client_id");
    let allowed = UNCONFIRMED_ASSERTIONS.requests;
    for number in 0..=allowed {
        let answer = present(&server, &client, &key.sign(&claims(&client, &number.to_string()))).await;
        assert_eq!(answer.status, if number < allowed { 400 } else { 429 }, "{number}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_empty(), number < allowed);
    }
    let id = client.as_str();
    let confirm = |mut tx| async move { store::client::confirm(&mut tx, id, START).await };
    assert!(server.app.store.write(confirm).await.expect("written"));
    server.app.clients.forget(id);
    let answer = present(&server, id, &key.sign(&claims(id, "confirmed"))).await;
    assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "somebody did");
}

#[tokio::test]
async fn other_keys_end_the_access_tokens_of_the_old_ones_and_no_grant() {
    let server = TestServer::with_app().await;
    let (old, new) = (AssertionKey::generate("ES256"), AssertionKey::generate("ES256"));
    let registered = register(&server, &document(&json!({ "keys": [old.public_jwk()] }))).await;
    let client = registered.text("client_id");
    let code = server.give(&Given { client: &client, ..Given::USUAL }).await;
    let form = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", VERIFIER)];
    let first = request(&server, &client, &old, &form).await;
    server.follow().await;
    let path = registered.text("registration_client_uri").replace(ISSUER, "");
    let replace = async |key: &AssertionKey, name: &str| {
        let mut document = document(&json!({ "keys": [key.public_jwk()] }));
        (document["client_id"], document["client_name"]) = (json!(client), json!(name));
        let token = registered.text("registration_access_token");
        let answer = server.call("PUT", &path, &token, &document).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let is_good = async |answer: &Answer| server.accepts(&answer.text("access_token")).await;
    replace(&old, "Another name").await;
    assert!(is_good(&first).await, "the same keys");
    replace(&new, "Another name").await;
    assert!(!is_good(&first).await);
    let refresh_token = first.text("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh_token)];
    assert_eq!(request(&server, &client, &old, &form).await.refusal(), (401, "invalid_client".to_owned()));
    let fresh = request(&server, &client, &new, &form).await;
    assert!(is_good(&fresh).await, "in the same second: {fresh:?}");
}
