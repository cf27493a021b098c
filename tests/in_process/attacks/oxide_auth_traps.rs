//! The fourteen ways in which oxide-auth, used as it comes, would answer wrongly: each is closed by our drivers.

use crate::auth_server::{
    TestServer,
    given::{Given, REDIRECT_URI, SECRET, TOKEN, VERIFIER, basic, confidential_client, public_client},
};
use auth_server::clients::redirect_uri;
use axum::{body::Body, extract::Request};

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test]
async fn trap_01_redirect_uri_may_be_left_out_at_the_token_endpoint() {
    let server = TestServer::with_app().await;
    assert_eq!(server.redeem(&server.give(&Given::USUAL).await).await.status, 200);
}

#[tokio::test]
async fn trap_02_unknown_and_used_codes_and_wrong_verifiers_are_invalid_grant() {
    let server = TestServer::with_app().await;
    assert_eq!(server.redeem("postern_ac_unknown").await.refusal(), invalid_grant());
    let code = server.give(&Given::USUAL).await;
    server.redeem(&code).await;
    assert_eq!(server.redeem(&code).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn trap_03_a_replayed_code_or_refresh_token_ends_its_family() {
    let server = TestServer::with_app().await;
    let code = server.give(&Given::USUAL).await;
    let refresh_token = server.redeem(&code).await.text("refresh_token");
    server.follow().await;
    server.clock.advance(30 * 24 * 3600 / 5);
    assert_eq!(server.redeem(&code).await.refusal(), invalid_grant(), "however late");
    assert_eq!(server.refresh(&refresh_token).await.refusal(), invalid_grant());
    assert_eq!((server.revoked_grants().await, server.audited("code_replayed").await), (1, 1));
    assert_eq!(server.redeem(&code).await.refusal(), invalid_grant());
    assert_eq!(server.revoked_grants().await, 1, "revoked once");
}

#[tokio::test]
async fn trap_04_basic_with_client_id_in_the_form_is_one_credential() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    let form = [("grant_type", "client_credentials"), ("client_id", "machine")];
    assert_eq!(server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await.status, 200);
}

#[tokio::test]
async fn trap_05_a_public_clients_refresh_token_is_bound_to_it() {
    let server = TestServer::with_app().await;
    server.add_client(&public_client("other")).await;
    let token = server.family().await;
    let form = [("grant_type", "refresh_token"), ("client_id", "other"), ("refresh_token", token.as_str())];
    assert_eq!(server.post_form(TOKEN, &form).await.refusal(), invalid_grant());
    assert_eq!(server.refresh(&token).await.status, 200, "and was not used up");
}

#[tokio::test]
async fn trap_06_a_narrow_refresh_narrows_no_grant_and_gives_it_no_hour() {
    let server = TestServer::with_app().await;
    let narrow = server.refresh_with(&server.family().await, &[("scope", "mcp.read")]).await;
    let grant_id = narrow.claims()["grant_id"].as_str().expect("a grant").to_owned();
    let grant = auth_server::store::authorization_grant::find(&mut server.app.store.read(), &grant_id).await;
    let grant = grant.expect("store").expect("grant");
    assert_eq!(grant.scope.to_string(), "mcp.read mcp.write");
    assert_eq!(grant.expires_at - grant.created_at, 90 * 24 * 3600);
    server.clock.advance(2 * 3600);
    assert_eq!(server.refresh(&narrow.text("refresh_token")).await.text("scope"), "mcp.read mcp.write");
}

#[tokio::test]
async fn trap_07_an_unknown_bearer_token_is_invalid_token_with_a_challenge() {
    let server = TestServer::start().await;
    let ask = |authorization: Option<&str>| {
        let mut request = Request::post("/api/events");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        server.send(request.body(Body::empty()).expect("a request"))
    };
    let unknown = ask(Some("Bearer nonsense")).await;
    assert_eq!(unknown.refusal(), (401, "invalid_token".to_owned()));
    assert!(unknown.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""), "{unknown:?}");
    for none in [None, Some("Basic YTpi"), Some("bearer"), Some("Bear")] {
        let answer = ask(none).await;
        assert_eq!(answer.status, 401, "{none:?}");
        assert!(!answer.header("www-authenticate").contains("error="), "{none:?} {answer:?}");
    }
}

#[test]
fn trap_08_every_loopback_form_has_a_free_port_and_nothing_else_has() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let registered = format!("http://{host}/callback");
        assert!(redirect_uri::matches(&registered, &format!("http://{host}:53117/callback")), "{host}");
        assert!(!redirect_uri::matches(&registered, &format!("http://{host}:53117/other")), "{host}");
    }
    assert!(!redirect_uri::matches("http://127.0.0.1/callback", "http://localhost:1/callback"));
    assert!(!redirect_uri::matches("https://a.example/callback", "https://a.example:444/callback"));
}

#[tokio::test]
async fn trap_09_errors_have_the_members_of_the_rfc_and_codes_the_machines_do_not_know() {
    let server = TestServer::with_app().await;
    let code = server.give(&Given::USUAL).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("resource", "http://localhost:1/other"),
    ];
    let answer = server.post_form(TOKEN, &form).await;
    let body = answer.json();
    let mut members: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(
        (members.as_slice(), answer.error().as_str()),
        (["error", "error_description"].as_slice(), "invalid_target")
    );
}

#[tokio::test]
async fn trap_10_the_answer_is_spelled_bearer_and_is_not_cached() {
    let server = TestServer::with_app().await;
    let answer = server.redeem(&server.give(&Given::USUAL).await).await;
    assert_eq!((answer.text("token_type").as_str(), answer.header("cache-control")), ("Bearer", "no-store"));
    let refused = server.redeem("nonsense").await;
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[tokio::test]
async fn trap_11_scopes_are_sorted_and_the_empty_one_satisfies_nothing() {
    let server = TestServer::with_app().await;
    for _ in 0..8 {
        let answer = server.redeem(&server.give(&Given { scope: "mcp.write mcp.read", ..Given::USUAL }).await).await;
        assert_eq!(answer.text("scope"), "mcp.read mcp.write");
    }
    let empty = server.redeem(&server.give(&Given { scope: "", ..Given::USUAL }).await).await;
    assert_eq!(empty.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn trap_12_verifiers_keep_length_and_alphabet() {
    let server = TestServer::with_app().await;
    for verifier in ["", "a", &"é".repeat(43), &"a".repeat(42), &format!("{VERIFIER} ")] {
        let code = server.give(&Given::USUAL).await;
        let form =
            [("grant_type", "authorization_code"), ("client_id", "app"), ("code", &code), ("code_verifier", verifier)];
        assert_eq!(server.post_form(TOKEN, &form).await.refusal(), invalid_grant(), "{verifier}");
    }
}

#[tokio::test]
async fn trap_13_a_code_lives_sixty_seconds_and_an_exact_redirect_stays_exact() {
    let server = TestServer::with_app().await;
    let code = server.give(&Given::USUAL).await;
    server.clock.advance(60);
    assert_eq!(server.redeem(&code).await.refusal(), invalid_grant());
    let code = server.give(&Given { redirect_uri: "http://127.0.0.1:53117", ..Given::USUAL }).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", "http://127.0.0.1:53117/"),
    ];
    assert_eq!(server.post_form(TOKEN, &form).await.refusal(), invalid_grant(), "not the same bytes");
    assert_ne!(REDIRECT_URI, "http://127.0.0.1:53117");
}

#[tokio::test]
async fn trap_14_repeated_parameters_and_broken_forms_are_refused_loudly() {
    let server = TestServer::with_app().await;
    let token = server.family().await;
    for name in ["grant_type", "client_id", "refresh_token", "scope", "anything"] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token.as_str()),
            ("scope", "mcp.read"),
            ("anything", "x"),
            (name, "mcp.write"),
        ];
        assert_eq!(server.post_form(TOKEN, &form).await.refusal(), (400, "invalid_request".to_owned()), "{name}");
    }
    let broken = Request::post(TOKEN).header("content-type", "application/x-www-form-urlencoded");
    let broken = server.send(broken.body(Body::from("grant_type=%FF")).expect("a request")).await;
    assert_eq!(broken.refusal(), (400, "invalid_request".to_owned()));
    assert_eq!(server.refresh(&token).await.status, 200);
}
