//! Abuse of open registration: it is no way to more than a person allows, to the network inside, to a name that deceives, or to a weak key.

use crate::auth_server::{
    Answer, TestServer,
    given::{TOKEN, basic},
    visitors::{Ask, WEBSITE, brought},
};
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use std::{io::ErrorKind, net::TcpListener};

const REGISTER: &str = "/oauth2/register";

async fn register(server: &TestServer, member: &str, value: Value) -> Answer {
    let mut document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none" });
    document[member] = value;
    server.post_json(REGISTER, &document).await
}

#[tokio::test]
async fn asking_for_everything_gets_what_everybody_gets() {
    let server = TestServer::start().await;
    let greedy = json!({
        "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": [
            "authorization_code", "refresh_token", "client_credentials", "password", "implicit",
            "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types": ["code", "token", "id_token"],
        "scope": "mcp.read mcp.admin postern.resource_server postern.admin postern.admin.read",
        "origin": "administered", "confirmed_at": 1, "resources": ["http://localhost:9400/api"], "roles": ["administrator"],
        "refresh_grace_seconds": 1_000_000, "redirect_schemes": ["evil"],
    });
    let answer = server.post_json(REGISTER, &greedy).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let (id, secret, document) = (answer.text("client_id"), answer.text("client_secret"), answer.json());
    assert_eq!(document["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(document["response_types"], json!(["code"]));
    assert!(!answer.text("scope").contains("postern."), "{answer:?}");
    for name in ["origin", "confirmed_at", "resources", "roles", "refresh_grace_seconds"] {
        assert!(document.get(name).is_none(), "{name}");
    }
    for scope in ["mcp.read", "postern.resource_server", "postern.admin"] {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = server.post_form_as(TOKEN, &basic(&id, &secret), &form).await;
        assert_eq!(answer.refusal(), (400, "unauthorized_client".to_owned()), "{scope}");
    }
    let management = Ask::of(&id).with("resource", "http://localhost:9400/api").with("scope", "postern.admin");
    assert_eq!(brought(&server.get(&management.path()).await, WEBSITE)["error"], "invalid_target");
}

#[tokio::test]
async fn nothing_in_a_registration_makes_the_server_call_anybody() {
    let server = TestServer::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let inside = format!("http://127.0.0.1:{}/x", listener.local_addr().expect("bound").port());
    for member in [
        "jwks_uri",
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "sector_identifier_uri",
        "initiate_login_uri",
        "software_statement",
        "backchannel_logout_uri",
    ] {
        let answer = register(&server, member, json!(inside)).await;
        assert!(!answer.body.contains(&inside), "{member} is neither used nor kept: {answer:?}");
        if answer.status == 201 {
            server.get(&Ask::of(&answer.text("client_id")).path()).await;
        }
    }
    register(&server, "request_uris", json!([inside])).await;
    assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "nobody called");
}

#[tokio::test]
async fn keys_are_public_asymmetric_strong_and_few() {
    let server = TestServer::start().await;
    let good = json!({
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let register = |keys: Value| {
        let document =
            json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "private_key_jwt", "jwks": keys });
        let server = &server;
        async move { server.post_json(REGISTER, &document).await }
    };
    assert_eq!(register(json!({ "keys": [good] })).await.status, 201);
    for (why, keys) in [
        ("none", json!({ "keys": [] })),
        ("no set", json!([])),
        ("private", json!({ "keys": [with("d", json!("AAAA"))] })),
        ("symmetric", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        ("off the curve", json!({ "keys": [with("y", good["x"].clone())] })),
        ("for encryption", json!({ "keys": [with("use", json!("enc"))] })),
        ("another curve", json!({ "keys": [with("crv", json!("P-521"))] })),
        ("512 bits", json!({ "keys": [{ "kty": "RSA", "e": "AQAB", "n": "x".repeat(86) }] })),
        ("exponent 3", json!({ "keys": [{ "kty": "RSA", "e": "Aw", "n": "x".repeat(342) }] })),
        ("for an HMAC", json!({ "keys": [with("alg", json!("HS256"))] })),
        ("too many", json!({ "keys": vec![good.clone(); 65] })),
    ] {
        assert_eq!(register(keys).await.refusal(), (400, "invalid_client_metadata".to_owned()), "{why}");
    }
}

#[tokio::test]
async fn names_cannot_deceive_or_break_out() {
    let server = TestServer::start().await;
    for name in
        ["Postern\nis safe", "a\u{202e}edoC edualC", "a\u{200b}b", "\u{3164}", "a\u{2028}b", "a\u{0}b", "a\u{7}"]
    {
        let answer = register(&server, "client_name", json!(name)).await;
        assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{name:?}");
    }
    let markup = "<script>alert(1)</script>";
    let client = register(&server, "client_name", json!(markup)).await.text("client_id");
    let page = server.get(&Ask::of(&client).path()).await;
    assert!(page.status == 200 && !page.body.contains("<script"), "{page:?}");
}

#[tokio::test]
async fn two_readers_of_one_registration_see_one_meaning() {
    let server = TestServer::start().await;
    for body in [
        r#"{"redirect_uris":["https://client.example/callback"],"redirect_uris":["https://evil.example/callback"]}"#,
        r#"{"redirect_uris":["https://client.example/callback"],"redirect_uri\u0073":["https://evil.example/callback"]}"#,
        r#"{"redirect_uris":["https://client.example/callback"],"client_name":"a","client_name":"b"}"#,
    ] {
        let request = Request::post(REGISTER).header("content-type", "application/json");
        let answer = server.send(request.body(Body::from(body)).expect("a request")).await;
        assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{body}");
    }
}
