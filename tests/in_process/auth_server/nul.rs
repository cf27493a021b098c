//! U+0000 in whatever a request can carry: refused by the request's own rules, on both databases alike, never 5xx.

use super::{
    TestServer,
    database::for_each_database,
    given::{TOKEN, basic, form_request},
};
use serde_json::json;
use shared::db::Store;

for_each_database!(every_parameter_is_refused, every_registration_text_is_refused, every_client_name_is_refused);

const FORMS: [&str; 7] =
    [TOKEN, "/oauth2/introspect", "/sign-in", "/sign-out", "/oauth2/consent", "/set-up/link", "/reset-password/link"];
const PARAMETERS: [&str; 17] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "redirect_uri",
    "resource",
    "scope",
    "state",
    "nonce",
    "token",
    "email",
    "password",
    "request",
    "prompt",
];

async fn server(store: &Store) -> TestServer {
    TestServer::start_on(store.clone(), "").await.and_app().await
}

async fn every_parameter_is_refused(store: &Store) {
    let server = server(store).await;
    for path in FORMS {
        for name in PARAMETERS {
            let mut request = form_request(path, &[(name, "a\0b")]);
            request.headers_mut().insert("origin", "http://localhost:9400".parse().expect("a header"));
            let answer = server.send(request).await;
            assert!(answer.status.is_client_error(), "{path} {name}: {answer:?}");
            assert_ne!(answer.status, 404, "{path} is a form of ours");
            if [TOKEN, "/oauth2/introspect"].contains(&path) {
                assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{path} {name}");
            }
        }
    }
    for name in PARAMETERS {
        let answer = server.get(&format!("/oauth2/authorize?client_id=app&{name}=a%00b")).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
    }
}

async fn every_registration_text_is_refused(store: &Store) {
    let server = server(store).await;
    for member in ["client_name", "client_uri", "scope", "software_id", "software_version", "application_type"] {
        let mut document = json!({ "redirect_uris": ["https://a.example/cb"] });
        document[member] = json!("https://a.example/\0");
        let answer = server.post_json("/oauth2/register", &document).await;
        assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{member}");
    }
    for member in ["redirect_uris", "grant_types", "token_endpoint_auth_method"] {
        let mut document = json!({ "redirect_uris": ["https://a.example/cb"] });
        document[member] = json!(["https://a.example/\0"]);
        assert_eq!(server.post_json("/oauth2/register", &document).await.status, 400, "{member}");
    }
    let untidy = json!({ "redirect_uris": ["https://a.example/cb"], "client_uri": "https://a.example/\u{1}" });
    let answer = server.post_json("/oauth2/register", &untidy).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Ids that come in no parameter: HTTP Basic, the subject of an assertion, the registry of resources.
async fn every_client_name_is_refused(store: &Store) {
    let server = server(store).await;
    let invalid_client = (401, "invalid_client".to_owned());
    for path in [TOKEN, "/oauth2/introspect"] {
        for id in ["a\0b", "a%00b"] {
            assert_eq!(server.post_form_as(path, &basic(id, "s"), &[]).await.refusal(), invalid_client, "{path} {id}");
        }
        let payload =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, r#"{"sub":"a\u0000b"}"#);
        let assertion = format!("e30.{payload}.c2ln");
        let form = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        assert_eq!(server.post_form(path, &form).await.refusal(), invalid_client, "{path}");
    }
    let token = server.machine_token().await;
    let document = json!({ "resource": "http://localhost:9500/mcp", "name": "a\0b", "scopes": [] });
    let answer = server.call("PUT", "/api/resources", &token, &document).await;
    assert!(answer.status.is_client_error(), "the store itself refuses: {answer:?}");
}
