//! Deep and oversized input: each limit is met with a readable refusal, before work is done, and never with a crash.

use crate::auth_server::{
    Answer, TestServer,
    given::{SECRET, TOKEN, basic, confidential_client},
    visitors::{Ask, WEBSITE, brought},
};
use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const KIB: usize = 1024;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

async fn post(server: &TestServer, path: &str, content_type: &str, body: String) -> Answer {
    let request = Request::post(path).header("content-type", content_type);
    server.send(request.body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn a_body_over_64_kib_is_413_everywhere() {
    let server = TestServer::start().await;
    for path in [TOKEN, "/token", "/oauth2/introspect", "/oauth2/revoke"] {
        let fits = format!("a={}", "x".repeat(64 * KIB - 2));
        assert_ne!(post(&server, path, FORM, fits.clone()).await.status, 413, "{path}");
        assert_eq!(
            post(&server, path, FORM, fits + "x").await.refusal(),
            (413, "invalid_request".to_owned()),
            "{path}"
        );
    }
    for path in ["/oauth2/register", "/register"] {
        let answer = post(&server, path, JSON, format!("{{\"client_name\":\"{}\"}}", "x".repeat(64 * KIB))).await;
        assert_eq!(answer.refusal(), (413, "invalid_request".to_owned()), "{path}");
    }
    for path in ["/sign-in", "/oauth2/consent", "/sign-out"] {
        let answer = post(&server, path, FORM, "x".repeat(64 * KIB + 1)).await;
        assert_eq!(answer.status, 413, "{path}");
        assert!(answer.header("content-type").starts_with("text/html"), "a page speaks to a person");
    }
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_refused() {
    let server = TestServer::start().await;
    for depth in [200, 30_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = open.repeat(depth.min(64 * KIB / 8)) + "1" + &close.repeat(depth.min(64 * KIB / 8));
            let hidden = format!("{{\"redirect_uris\":[\"{WEBSITE}\"],\"x\":{deep}}}");
            for body in [deep.clone(), hidden] {
                if body.len() <= 64 * KIB {
                    let answer = post(&server, "/oauth2/register", JSON, body).await;
                    assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{depth} {open}");
                }
            }
        }
    }
    let deep = URL_SAFE_NO_PAD.encode("[".repeat(5000));
    for token in [format!("{deep}.e30.AA"), format!("e30.{deep}.AA"), format!("{deep}.{deep}.{deep}")] {
        let request = Request::post("/api/events").header("authorization", format!("Bearer {token}"));
        let answer = server.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.refusal(), (401, "invalid_token".to_owned()));
    }
}

#[tokio::test]
async fn many_or_long_parameters_are_refused() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    let usual = "grant_type=client_credentials";
    let many = |count: usize| (0..count).fold(usual.to_owned(), |form, number| format!("{form}&p{number}=x"));
    let scopes = |count: usize| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>().join("+");
    for (why, body, code) in [
        ("parameters", many(200), "invalid_request"),
        ("scopes", format!("{usual}&scope={}", scopes(200)), "invalid_scope"),
        ("a scope", format!("{usual}&scope={}", "s".repeat(5000)), "invalid_scope"),
        ("a resource", format!("{usual}&resource=https://a.example/{}", "r".repeat(3000)), "invalid_target"),
        ("a grant type", format!("grant_type={}", "g".repeat(60_000)), "unsupported_grant_type"),
    ] {
        let request =
            Request::post(TOKEN).header("content-type", FORM).header("authorization", basic("machine", SECRET));
        let answer = server.send(request.body(Body::from(body)).expect("a request")).await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{why}");
    }
}

#[tokio::test]
async fn a_long_authorization_request_is_told_so() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for (name, length) in [("state", 5000), ("redirect_uri", 5000), ("client_id", 60_000)] {
        let answer = server.get(&Ask::of(&client).with(name, &"x".repeat(length)).path()).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 413) && answer.header("location").is_empty(),
            "{name}: {answer:?}"
        );
    }
    for (name, length) in [("scope", 5000), ("resource", 3000), ("nonce", 600), ("code_challenge", 3000)] {
        let answer = server.get(&Ask::of(&client).with(name, &"x".repeat(length)).path()).await;
        let refused = brought(&answer, WEBSITE);
        assert!(refused.contains_key("error") && !refused.contains_key("code"), "{name}");
    }
}

#[tokio::test]
async fn long_credentials_are_refused_like_wrong_ones() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    let long = "x".repeat(32 * KIB);
    let form = [("grant_type", "client_credentials")];
    for authorization in
        [basic("machine", &long), basic(&long, SECRET), format!("Basic {long}"), format!("Bearer {long}")]
    {
        let answer = server.post_form_as(TOKEN, &authorization, &form).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    }
    for name in ["code", "refresh_token", "code_verifier", "client_assertion"] {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "machine"), ("client_secret", SECRET), (name, &long)];
        let answer = server.post_form(TOKEN, &form).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
    }
}
