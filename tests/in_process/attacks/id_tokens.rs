//! An ID token says who somebody is to one client: it opens nothing. And an access token says to nobody who somebody is.

use crate::auth_server::{
    TestServer,
    given::{Given, SECRET, basic, confidential_client},
};
use auth_server::identity::hint;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::SigningKey;
use serde_json::{Value, json};
use shared::protocol::token_algorithm::TokenAlgorithm;

const ISSUER: &str = "http://localhost:9400";

async fn both_tokens(server: &TestServer) -> (String, String) {
    let answer = server.redeem(&server.give(&Given { scope: "email mcp.read openid", ..Given::USUAL }).await).await;
    (answer.text("access_token"), answer.text("id_token"))
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let server = TestServer::with_app().await;
    server.add_client(&confidential_client("machine")).await;
    let (_, id_token) = both_tokens(&server).await;
    for (method, path) in [("GET", "/oauth2/userinfo"), ("POST", "/api/events")] {
        let answer = server.call(method, path, &id_token, &Value::Null).await;
        assert_eq!(answer.refusal(), (401, "invalid_token".to_owned()), "{path}");
    }
    let form = [("token", id_token.as_str())];
    let introspected = server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &form).await;
    assert_eq!(introspected.json(), json!({ "active": false }));
    // Not even one with every claim of an access token.
    let claims = json!({ "iss": ISSUER, "sub": "ann", "aud": format!("{ISSUER}/oauth2/userinfo"), "iat": 1_800_000_000,
        "exp": 1_800_000_900, "jti": "j", "client_id": "app", "scope": "openid", "auth_time": 1_800_000_000 });
    let dressed = server.app.keys.sign(TokenAlgorithm::Es256, "JWT", &claims).expect("signed");
    assert_eq!(server.call("GET", "/oauth2/userinfo", &dressed, &Value::Null).await.status, 401);
    let real = server.app.keys.sign(TokenAlgorithm::Es256, "at+jwt", &claims).expect("signed");
    assert_eq!(server.call("GET", "/oauth2/userinfo", &real, &Value::Null).await.status, 200);
}

#[tokio::test]
async fn only_our_own_id_tokens_are_hints() {
    let server = TestServer::with_app().await;
    let (access_token, id_token) = both_tokens(&server).await;
    let read = |token: &str| hint::read(&server.app.keys, ISSUER, token);
    assert_eq!(read(&id_token).map(|hint| (hint.user_id, hint.client_id)), Some(("ann".into(), "app".into())));
    let (header, rest) = id_token.split_once('.').expect("parts");
    let (payload, _) = rest.split_once('.').expect("parts");
    let unsigned = URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT", "alg": "none" }).to_string());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON");
    let stranger = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let mut elsewhere = claims.clone();
    elsewhere["iss"] = json!("https://evil.example");
    let forged = [
        access_token,
        format!("{unsigned}.{payload}."),
        format!("{header}.{payload}."),
        stranger.sign("JWT", &claims).expect("signed"),
        server.app.keys.sign(TokenAlgorithm::Es256, "JWT", &elsewhere).expect("signed"),
        server.app.keys.sign(TokenAlgorithm::Es256, "secevent+jwt", &claims).expect("signed"),
        "nonsense".to_owned(),
        String::new(),
    ];
    for token in forged {
        assert_eq!(read(&token), None, "{token}");
    }
}
