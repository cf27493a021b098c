//! Dynamic registration as real clients do it.

use super::TestServer;
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

const REGISTER: &str = "/oauth2/register";

#[tokio::test]
async fn a_public_client_gets_everything_back_and_no_secret() {
    let server = TestServer::start().await;
    let asked = json!({
        "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
        "client_name": "Visual Studio Code", "token_endpoint_auth_method": "none", "application_type": "native",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "scope": "mcp.read offline_access", "software_id": "vscode", "logo_uri": null,
    });
    let answer = server.post_json(REGISTER, &asked).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(!answer.body.contains("null"));
    let document = answer.json();
    assert_eq!(document["redirect_uris"], asked["redirect_uris"]);
    assert_eq!(document["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(document["token_endpoint_auth_method"], "none");
    assert_eq!(document["scope"], "mcp.read offline_access");
    assert_eq!(document["client_id_issued_at"], super::test_server::START);
    assert!(document.get("client_secret").is_none() && document.get("client_secret_expires_at").is_none());
    let id = document["client_id"].as_str().expect("an id");
    let client = server.app.clients.find(id).await.expect("the store").expect("registered");
    assert_eq!((client.name.as_str(), client.confirmed_at), ("Visual Studio Code", None));
}

#[tokio::test]
async fn a_confidential_client_gets_a_secret_that_is_stored_as_a_hash() {
    let server = TestServer::start().await;
    for (asked, method) in [
        (Value::Null, "client_secret_basic"),
        (json!("client_secret_post"), "client_secret_post"),
        (json!(["private_key_jwt", "client_secret_basic"]), "client_secret_basic"),
    ] {
        let body = json!({ "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"], "token_endpoint_auth_method": asked });
        let document = server.post_json("/register", &body).await.json();
        assert_eq!(document["token_endpoint_auth_method"], method);
        assert_eq!(document["client_secret_expires_at"], 0);
        let secret = document["client_secret"].as_str().expect("a secret");
        let id = document["client_id"].as_str().expect("an id");
        let client = server.app.clients.find(id).await.expect("the store").expect("registered");
        assert_eq!(client.secret_hash, Some(shared::protocol::opaque_token::TokenHash::of(secret)));
        assert!(!format!("{client:?}").contains(secret));
    }
}

#[tokio::test]
async fn refusals_are_readable() {
    let server = TestServer::start().await;
    for (body, code) in [
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["http://evil.example/cb"] }), "invalid_redirect_uri"),
        (json!({}), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://a.example/"], "client_name": "a\u{0}b" }), "invalid_client_metadata"),
        (
            json!({ "redirect_uris": ["https://a.example/"], "grant_types": ["client_credentials"] }),
            "invalid_client_metadata",
        ),
        (json!({ "redirect_uris": vec!["https://a.example/"; 40] }), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = server.post_json(REGISTER, &body).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, code), "{body}");
        assert!(answer.json()["error_description"].as_str().is_some_and(|text| text.len() > 20));
    }
}

#[tokio::test]
async fn only_json_of_bounded_length_is_read() {
    let server = TestServer::start().await;
    let form = server.post_form(REGISTER, &[("redirect_uris", "https://a.example/")]).await;
    assert_eq!((form.status.as_u16(), form.error().as_str()), (415, "invalid_request"));
    let long = json!({ "redirect_uris": ["https://a.example/"], "client_name": "x".repeat(70_000) });
    assert_eq!(server.post_json(REGISTER, &long).await.status, 413);
    let get = server.get(REGISTER).await;
    assert_eq!((get.status.as_u16(), get.header("allow").contains("POST")), (405, true));
    let preflight = Request::options(REGISTER)
        .header("origin", "http://localhost:6274")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,mcp-protocol-version");
    assert_eq!(server.send(preflight.body(Body::empty()).expect("a request")).await.status, 204);
}

#[tokio::test]
async fn nobody_consented_within_a_day_and_the_client_is_gone() {
    let server = TestServer::start().await;
    let document = server.post_json(REGISTER, &json!({ "redirect_uris": ["https://a.example/"] })).await.json();
    let id = document["client_id"].as_str().expect("an id");
    server.clock.advance(24 * 3600 - 1);
    assert!(server.app.clients.find(id).await.expect("the store").is_some());
    server.clock.advance(1);
    assert!(server.app.clients.find(id).await.expect("the store").is_none());
}

#[tokio::test]
async fn one_address_block_has_a_budget_and_shared_egress_only_the_total() {
    let server = TestServer::start_with("registrations_per_block_per_hour = 2\nregistrations_per_hour = 5").await;
    let body = json!({ "redirect_uris": ["https://a.example/"] });
    let from = |address: &'static str| {
        let mut request =
            Request::post(REGISTER).header("content-type", "application/json").body(Body::from(body.to_string()));
        let address = shared::http::ClientAddress::new(address.parse().expect("an address"));
        request.as_mut().expect("a request").extensions_mut().insert(address);
        server.send(request.expect("a request"))
    };
    assert_eq!(from("203.0.113.1").await.status, 201);
    assert_eq!(from("203.0.113.2").await.status, 201);
    let refused = from("203.0.113.3").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0 && seconds <= 3600));
    for _ in 0..3 {
        assert_eq!(from("160.79.104.10").await.status, 201);
    }
    assert_eq!((refused.header("x-ratelimit-limit"), refused.header("x-ratelimit-remaining")), ("2", "0"));
    assert!(refused.header("ratelimit-policy").contains("q=2;w=3600"), "{refused:?}");
    let everybody = from("160.79.104.10").await;
    assert_eq!((everybody.status.as_u16(), everybody.header("retry-after").is_empty()), (429, false));
    assert_eq!(everybody.header("x-ratelimit-limit"), "", "what others do is told to nobody");
    server.clock.advance(3600);
    assert_eq!(from("203.0.113.1").await.status, 201);
}
