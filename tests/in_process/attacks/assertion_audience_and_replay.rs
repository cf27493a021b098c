//! Client assertions elsewhere and again (RFC 7523 §3, §5): one is good at the server it names, for the client it names, once.

use crate::auth_server::{Answer, TestServer, given::confidential_client, test_server::START};
use auth_server::clients::{AuthMethod, Client};
use keys::SigningKey;
use serde_json::{Value, json};
use shared::protocol::{jwk::JwkSet, jwt::CLIENT_ASSERTION_TYPE, token_algorithm::TokenAlgorithm};

const ISSUER: &str = "http://localhost:9400";
const TOKEN: &str = "/oauth2/token";
const INTROSPECT: &str = "/oauth2/introspect";

async fn add(server: &TestServer, id: &str) -> SigningKey {
    let key = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let jwks = Some(JwkSet::new(vec![key.public_jwk().clone()]).expect("a set"));
    let usual = confidential_client(id);
    server.add_client(&Client { auth_method: AuthMethod::PrivateKeyJwt, secret_hash: None, jwks, ..usual }).await;
    key
}

fn claims(client: &str, audience: Value, jti: &str, now: i64) -> Value {
    json!({ "iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 60, "jti": jti })
}

async fn present(server: &TestServer, path: &str, key: &SigningKey, claims: &Value) -> Answer {
    let assertion = key.sign("JWT", claims).expect("signed");
    present_text(server, path, &assertion, &[]).await
}

async fn present_text(server: &TestServer, path: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion)];
    match path {
        INTROSPECT => form.push(("token", "x")),
        _ => form.extend([("grant_type", "client_credentials"), ("scope", "mcp.read")]),
    }
    form.extend_from_slice(more);
    server.post_form(path, &form).await
}

fn invalid_client() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[tokio::test]
async fn an_assertion_for_somewhere_else_is_refused_and_not_used_up() {
    let server = TestServer::start().await;
    let key = add(&server, "signer").await;
    for (number, audience) in [
        json!("https://other.example"),
        json!("https://other.example/oauth2/token"),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/oauth2/token/")),
        json!(format!("{ISSUER}/oauth2/token?x")),
        json!("http://LOCALHOST:9400"),
        json!("http://127.0.0.1:9400"),
        json!("localhost:9400"),
        json!("http://localhost"),
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!([]),
        json!(""),
        json!("*"),
        json!(9400),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        let answer =
            present(&server, TOKEN, &key, &claims("signer", audience.clone(), &format!("{number}"), START)).await;
        assert_eq!(answer.refusal(), invalid_client(), "{audience}");
    }
    assert_eq!(server.used_assertions("signer").await, 0);
    assert_eq!(present(&server, TOKEN, &key, &claims("signer", json!(ISSUER), "0", START)).await.status, 200);
}

#[tokio::test]
async fn an_assertion_seen_at_one_endpoint_is_used_at_every_other() {
    let server = TestServer::start().await;
    let key = add(&server, "signer").await;
    for (number, (first, second)) in
        [(TOKEN, INTROSPECT), (INTROSPECT, TOKEN), (TOKEN, "/token"), ("/token", TOKEN), (INTROSPECT, INTROSPECT)]
            .into_iter()
            .enumerate()
    {
        let claims = claims("signer", json!(ISSUER), &format!("{number}"), START);
        let assertion = key.sign("JWT", &claims).expect("signed");
        assert_eq!(present_text(&server, first, &assertion, &[]).await.status, 200, "{first}");
        assert_eq!(present_text(&server, second, &assertion, &[]).await.refusal(), invalid_client(), "{second}");
        let signed_again = present(&server, second, &key, &claims).await;
        assert_eq!(signed_again.refusal(), invalid_client(), "its name is used, whatever the signature");
    }
}

#[tokio::test]
async fn an_assertion_is_remembered_for_as_long_as_it_is_good() {
    let server = TestServer::start().await;
    let key = add(&server, "signer").await;
    let claims = claims("signer", json!(ISSUER), "once", START);
    assert_eq!(present(&server, TOKEN, &key, &claims).await.status, 200);
    for _ in 0..8 {
        server.clock.advance(10);
        auth_server::jobs::sweep::sweep_once(&server.app.store, server.app.clock.now()).await.expect("swept");
        assert_eq!(present(&server, TOKEN, &key, &claims).await.refusal(), invalid_client());
    }
}

#[tokio::test]
async fn names_of_assertions_are_the_clients_own() {
    let server = TestServer::start().await;
    let (one, other) = (add(&server, "one").await, add(&server, "other").await);
    assert_eq!(present(&server, TOKEN, &one, &claims("one", json!(ISSUER), "same", START)).await.status, 200);
    let answer = present(&server, TOKEN, &other, &claims("other", json!(ISSUER), "same", START)).await;
    assert_eq!(answer.status, 200, "nobody uses up what belongs to another");
}

#[tokio::test]
async fn a_client_speaks_for_itself_alone() {
    let server = TestServer::start().await;
    let (one, other) = (add(&server, "one").await, add(&server, "other").await);
    let mut crossed = claims("one", json!(ISSUER), "a", START);
    assert_eq!(present(&server, TOKEN, &other, &crossed).await.refusal(), invalid_client(), "another one's key");
    crossed["iss"] = json!("other");
    for key in [&one, &other] {
        assert_eq!(present(&server, TOKEN, key, &crossed).await.refusal(), invalid_client(), "iss is not sub");
    }
    let good = one.sign("JWT", &claims("one", json!(ISSUER), "b", START)).expect("signed");
    let named = present_text(&server, TOKEN, &good, &[("client_id", "other")]).await;
    assert_eq!(named.refusal(), (400, "invalid_request".to_owned()), "one client a request");
    let with_secret = present_text(&server, TOKEN, &good, &[("client_secret", "x")]).await;
    assert_eq!(with_secret.refusal(), (400, "invalid_request".to_owned()), "one proof a request");
    assert_eq!(present_text(&server, TOKEN, &good, &[]).await.status, 200);
}
