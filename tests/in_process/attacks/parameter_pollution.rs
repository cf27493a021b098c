//! Parameter pollution: a parameter has one value, in one place, in one encoding, under one name; everything else is refused or not heard.

use crate::auth_server::{
    Answer, TestServer,
    given::{Given, SECRET, TOKEN, VERIFIER, basic, confidential_client},
    test_server::RESOURCE,
    visitors::Ask,
};
use axum::{body::Body, extract::Request};

const FORM: &str = "application/x-www-form-urlencoded";

async fn post(server: &TestServer, path: &str, content_type: &str, body: &str) -> Answer {
    let request =
        Request::post(path).header("content-type", content_type).header("authorization", basic("machine", SECRET));
    server.send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

async fn server() -> TestServer {
    let server = TestServer::with_app().await;
    server.add_client(&confidential_client("machine")).await;
    server
}

#[tokio::test]
async fn every_parameter_of_every_form_is_there_once() {
    let server = server().await;
    for (path, right) in [
        (TOKEN, "grant_type=client_credentials&scope=mcp.read&resource=http%3A%2F%2Flocalhost%3A9500%2Fmcp&anything=x"),
        ("/oauth2/introspect", "token=x&token_type_hint=access_token"),
        ("/oauth2/revoke", "token=x&token_type_hint=access_token"),
    ] {
        assert_eq!(post(&server, path, FORM, right).await.status, 200, "{path}");
        for name in right.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| *name != "resource") {
            let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            for again in [name.to_owned(), format!("{name}="), format!("{name}=other"), format!("{encoded}=other")] {
                for body in [format!("{right}&{again}"), format!("{again}&{right}")] {
                    let answer = post(&server, path, FORM, &body).await;
                    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{path}: {body}");
                }
            }
        }
    }
}

#[tokio::test]
async fn two_resources_are_one_too_many_and_one_twice_is_one() {
    let server = server().await;
    let twice =
        |other: &str| format!("grant_type=client_credentials&scope=mcp.read&resource={RESOURCE}&resource={other}");
    for other in ["https://other.example/mcp", "http://localhost:9400/api", "x"] {
        let answer = post(&server, TOKEN, FORM, &twice(other)).await;
        assert_eq!(answer.refusal(), (400, "invalid_target".to_owned()), "{other}");
    }
    assert_eq!(post(&server, TOKEN, FORM, &twice("http://LOCALHOST:9500/mcp/")).await.status, 200);
}

#[tokio::test]
async fn a_query_says_nothing_to_an_endpoint_that_reads_a_form() {
    let server = server().await;
    let in_query = server.post_form("/oauth2/token?grant_type=client_credentials&client_id=machine", &[]).await;
    assert_eq!(in_query.refusal(), (401, "invalid_client".to_owned()), "no client is named");
    let credentials = format!("/oauth2/token?client_id=machine&client_secret={SECRET}");
    let answer = server.post_form(&credentials, &[("grant_type", "client_credentials"), ("scope", "mcp.read")]).await;
    assert_ne!(answer.status, 200, "RFC 6749 §2.3.1: no credentials in a URL");
    let widened = "/oauth2/token?scope=mcp.write&resource=https://other.example";
    let answer = post(&server, widened, FORM, "grant_type=client_credentials&scope=mcp.read").await;
    assert_eq!((answer.status.as_u16(), answer.text("scope").as_str()), (200, "mcp.read"));
}

#[tokio::test]
async fn other_spellings_of_a_name_are_other_names() {
    let server = server().await;
    let code = server.give(&Given::USUAL).await;
    for name in
        ["Code_Verifier", "code_verifier[]", "code_verifier[0]", "code_verifier ", " code_verifier", "code-verifier"]
    {
        let form =
            [("grant_type", "authorization_code"), ("client_id", "app"), ("code", code.as_str()), (name, VERIFIER)];
        let answer = server.post_form(TOKEN, &form).await;
        assert_eq!(answer.status, 400, "{name:?}: {answer:?}");
    }
    let answer = post(&server, TOKEN, FORM, "grant_type=client_credentials;scope=mcp.write&scope=mcp.read").await;
    assert_eq!(answer.refusal(), (400, "unsupported_grant_type".to_owned()), "a semicolon separates nothing");
}

#[tokio::test]
async fn only_a_form_is_a_form() {
    let server = server().await;
    let right = "grant_type=client_credentials&scope=mcp.read";
    for content_type in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded-but-not",
        "text/plain; application/x-www-form-urlencoded",
        "",
    ] {
        let answer = post(&server, TOKEN, content_type, right).await;
        assert_eq!(answer.refusal(), (415, "invalid_request".to_owned()), "{content_type:?}");
    }
    let request = Request::post(TOKEN).header("content-type", FORM).header("content-type", "application/json");
    let request = request.header("authorization", basic("machine", SECRET));
    let twice = server.send(request.body(Body::from(right)).expect("a request")).await;
    assert_eq!(twice.status, 415);
    for encoded in ["g\u{0}rant_type=x", "grant_type=client_credentials%00", "grant_type=%ff", "scope=\u{fffd}%80"] {
        let answer = post(&server, TOKEN, FORM, encoded).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{encoded:?}");
    }
}

#[tokio::test]
async fn the_query_of_an_authorization_request_is_held_to_the_same() {
    let server = server().await;
    let client = server.register_client("Client").await;
    let right = Ask::of(&client).path();
    let (_, query) = right.split_once('?').expect("a query");
    for name in query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| *name != "resource") {
        for again in
            [format!("&{name}=other"), format!("&{name}"), format!("&%{:02x}{}=", name.as_bytes()[0], &name[1..])]
        {
            let answer = server.get(&format!("{right}{again}")).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{again}");
        }
    }
}
