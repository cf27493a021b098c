//! `/oauth2/register/{client_id}` (RFC 7592): a client and its own registration.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    given::{SECRET, TOKEN, basic, confidential_client},
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};
use auth_server::{clients::ClientOrigin, tokens::inspect};
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use shared::{
    http::ClientAddress,
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::SystemRandom,
};

const ADA: &str = "ada@example.com";
const UNAUTHORIZED: (u16, &str) = (401, "invalid_token");

/// A registration as its client knows it.
struct Registration {
    id: String,
    token: String,
    path: String,
}

async fn register(server: &TestServer, document: &Value) -> (Registration, Value) {
    let answer = server.post_json("/oauth2/register", document).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let path = answer.text("registration_client_uri");
    let path = path.strip_prefix("http://localhost:9400").expect("below the issuer").to_owned();
    let registration =
        Registration { id: answer.text("client_id"), token: answer.text("registration_access_token"), path };
    (registration, answer.json())
}

fn public() -> Value {
    json!({ "redirect_uris": [WEBSITE], "client_name": "Client", "token_endpoint_auth_method": "none" })
}

async fn ask(server: &TestServer, method: &str, registration: &Registration, document: &Value) -> Answer {
    server.call(method, &registration.path, &registration.token, document).await
}

/// `document` as a replacement by its client.
fn by(registration: &Registration, mut document: Value) -> Value {
    document["client_id"] = json!(registration.id);
    document
}

#[tokio::test]
async fn a_client_reads_what_it_registered() {
    let server = TestServer::start().await;
    let (confidential, first) = register(&server, &json!({ "redirect_uris": [WEBSITE], "client_name": "Web" })).await;
    assert!(first["registration_access_token"].as_str().expect("a token").starts_with("postern_ra_"));
    let answer = ask(&server, "GET", &confidential, &Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let mut expected = first;
    expected.as_object_mut().expect("an object").remove("client_secret");
    assert_eq!(answer.json(), expected, "all of it but the secret, of which only the hash is kept");
    assert!(!answer.body.contains("null"));
    let client = server.app.clients.find(&confidential.id).await.expect("the store").expect("a client");
    assert!(!format!("{client:?}").contains(&confidential.token));
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_token_are_told_the_same() {
    let server = TestServer::start().await;
    let ((mine, _), (other, _)) = (register(&server, &public()).await, register(&server, &public()).await);
    let made = auth_server::clients::Client {
        registration_token_hash: Some(shared::protocol::opaque_token::TokenHash::of(&mine.token)),
        ..confidential_client("made")
    };
    server.add_client(&made).await;
    assert_eq!(made.origin, ClientOrigin::Administered);
    let random = OpaqueToken::generate(TokenKind::RegistrationAccessToken, &SystemRandom);
    let mut answers = Vec::new();
    for method in ["GET", "PUT", "DELETE"] {
        for (path, token) in [
            (mine.path.as_str(), other.token.as_str()),
            (&mine.path, random.expose()),
            (&mine.path, "garbage"),
            ("/oauth2/register/client_of_nobody", random.expose()),
            ("/oauth2/register/client_of_nobody", &mine.token),
            ("/oauth2/register/made", &mine.token),
        ] {
            let answer = server.call(method, path, token, &by(&mine, public())).await;
            assert_eq!(answer.refusal(), (UNAUTHORIZED.0, UNAUTHORIZED.1.to_owned()), "{method} {path}");
            assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
            answers.push(answer.body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let bare = server.get(&mine.path).await;
    assert_eq!(bare.status, 401);
    assert!(
        bare.header("www-authenticate").starts_with("Bearer") && !bare.header("www-authenticate").contains("error")
    );
    let doubled = Request::get(&mine.path)
        .header("authorization", format!("Bearer {}", mine.token))
        .header("authorization", format!("Bearer {}", mine.token));
    assert_eq!(server.send(doubled.body(Body::empty()).expect("a request")).await.status, 401);
    let basic = Request::get(&mine.path).header("authorization", basic(&mine.id, &mine.token));
    assert_eq!(server.send(basic.body(Body::empty()).expect("a request")).await.status, 401);
    assert_eq!(ask(&server, "GET", &mine, &Value::Null).await.status, 200, "and it stands");
}

#[tokio::test]
async fn guesses_have_a_budget_and_the_right_token_needs_none() {
    let server = TestServer::start().await;
    let (mine, _) = register(&server, &public()).await;
    let guess = |token: String| {
        let mut request = Request::get(&mine.path)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        request.extensions_mut().insert(ClientAddress::new("192.0.2.1".parse().expect("an address")));
        server.send(request)
    };
    let wrong = || OpaqueToken::generate(TokenKind::RegistrationAccessToken, &SystemRandom).expose().to_owned();
    for _ in 0..30 {
        assert_eq!(guess(wrong()).await.status, 401);
    }
    let refused = guess(wrong()).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"));
    assert_eq!(guess(mine.token.clone()).await.status, 200);
}

#[tokio::test]
async fn a_replacement_replaces_everything_by_the_rules_of_registration() {
    let server = TestServer::start().await;
    let first = json!({ "redirect_uris": [WEBSITE], "client_name": "Before", "client_uri": "https://client.example/",
        "software_id": "s", "scope": "mcp.read", "token_endpoint_auth_method": "none" });
    let (mine, _) = register(&server, &first).await;
    let other = "https://other.example/callback";
    let asked = by(
        &mine,
        json!({ "redirect_uris": [other, "javascript:alert(1)"], "client_name": "After", "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "client_credentials"], "scope": "mcp.write postern.resource_server" }),
    );
    let answer = ask(&server, "PUT", &mine, &asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let now = answer.json();
    assert_eq!((&now["client_name"], &now["redirect_uris"]), (&json!("After"), &json!([other])));
    assert_eq!((&now["grant_types"], &now["scope"]), (&json!(["authorization_code"]), &json!("mcp.write")));
    assert!(now.get("software_id").is_none() && now.get("client_uri").is_none(), "what is left out is gone: {now}");
    assert_eq!(now["registration_access_token"], mine.token, "it stays: a lost answer must not lose the client");
    assert_eq!(ask(&server, "GET", &mine, &Value::Null).await.json(), now);
    let page = server.get(&Ask::of(&mine.id).path()).await;
    assert_eq!(page.status, 400, "the old way back is closed at once");
    assert_eq!(server.get(&Ask::of(&mine.id).with("redirect_uri", other).path()).await.status, 200);
}

#[tokio::test]
async fn a_replacement_that_is_none_changes_nothing() {
    let server = TestServer::start().await;
    let (mine, first) = register(&server, &json!({ "redirect_uris": [WEBSITE], "client_name": "Web" })).await;
    let good = || by(&mine, json!({ "redirect_uris": [WEBSITE], "client_name": "New" }));
    let with = |name: &str, value: Value| {
        let mut document = good();
        document[name] = value;
        document
    };
    let secret = OpaqueToken::generate(TokenKind::ClientSecret, &SystemRandom);
    for (document, code) in [
        (json!({ "redirect_uris": [WEBSITE] }), "invalid_client_metadata"),
        (with("client_id", json!("another")), "invalid_client_metadata"),
        (with("registration_access_token", json!(mine.token)), "invalid_client_metadata"),
        (with("client_id_issued_at", json!(1)), "invalid_client_metadata"),
        (with("client_secret", json!(secret.expose())), "invalid_client_metadata"),
        (with("redirect_uris", json!(["http://evil.example/"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (with("grant_types", json!(["client_credentials"])), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("none")), "invalid_client_metadata"),
        (with("client_name", json!("a\u{202e}b")), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = ask(&server, "PUT", &mine, &document).await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{document}");
    }
    let unchanged = ask(&server, "GET", &mine, &Value::Null).await.json();
    assert_eq!(unchanged["client_name"], "Web");
    let own = ask(&server, "PUT", &mine, &with("client_secret", first["client_secret"].clone())).await;
    assert_eq!((own.status.as_u16(), own.json().get("client_secret")), (200, None));
    let basic = basic(&mine.id, first["client_secret"].as_str().expect("a secret"));
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    assert_eq!(server.post_form_as(TOKEN, &basic, &grant).await.error(), "invalid_grant", "its secret stays");
}

#[tokio::test]
async fn a_public_client_may_begin_to_prove_itself() {
    let server = TestServer::start().await;
    let (mine, _) = register(&server, &public()).await;
    let asked = by(&mine, json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "client_secret_basic" }));
    let answer = ask(&server, "PUT", &mine, &asked).await;
    let secret = answer.text("client_secret");
    assert_eq!(answer.json()["client_secret_expires_at"], 0);
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", mine.id.as_str())];
    assert_eq!(server.post_form(TOKEN, &grant).await.error(), "invalid_client", "the id alone is not enough any more");
    assert_eq!(server.post_form_as(TOKEN, &basic(&mine.id, &secret), &grant).await.error(), "invalid_grant");
}

/// Allows what is asked, and not to be asked again; the tokens.
async fn connect(server: &TestServer, browser: &mut Browser<'_>, client: &str) -> Answer {
    let form = consent_form(browser, &Ask::of(client)).await.with("decision", "allow").with("remember", "on");
    let code = brought(&browser.submit(&form).await, WEBSITE)["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
        ("redirect_uri", WEBSITE),
    ];
    let answer = server.post_form(TOKEN, &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    server.follow().await;
    answer
}

#[tokio::test]
async fn what_people_were_shown_is_asked_about_again_when_it_changes() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    for (member, value) in [
        ("redirect_uris", json!([WEBSITE, "https://other.example/"])),
        ("client_name", json!("Another")),
        ("software_version", json!("2")),
    ] {
        let (mine, _) = register(&server, &public()).await;
        connect(&server, &mut ada, &mine.id).await;
        let silent = Ask::of(&mine.id).with("prompt", "none").path();
        assert!(brought(&ada.get(&silent).await, WEBSITE).contains_key("code"), "remembered");
        let mut asked = by(&mine, public());
        asked[member] = value;
        assert_eq!(ask(&server, "PUT", &mine, &asked).await.status, 200);
        let after = brought(&ada.get(&silent).await, WEBSITE);
        assert_eq!(after.contains_key("code"), member == "software_version", "{member}: {after:?}");
    }
    assert_eq!(server.audited("registration_replaced").await, 3);
}

#[tokio::test]
async fn a_request_that_is_open_does_not_go_where_the_client_is_no_more() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let (mine, _) = register(&server, &public()).await;
    let open = consent_form(&mut ada, &Ask::of(&mine.id)).await.with("decision", "allow");
    let moved = by(&mine, json!({ "redirect_uris": ["https://new.example/"], "token_endpoint_auth_method": "none" }));
    assert_eq!(ask(&server, "PUT", &mine, &moved).await.status, 200);
    let answer = ada.submit(&open).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{answer:?}");
    assert_eq!(server.grants().await, 0);
}

#[tokio::test]
async fn a_removal_ends_the_client_and_all_it_holds() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let (mine, _) = register(&server, &public()).await;
    let tokens = connect(&server, &mut ada, &mine.id).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let now = shared::clock::Clock::now(&*server.clock);
    assert!(inspect(&server.app, &access, now).await.expect("known").is_some());
    let answer = ask(&server, "DELETE", &mine, &Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert!(inspect(&server.app, &access, now).await.expect("known").is_none(), "at once");
    let form = [("grant_type", "refresh_token"), ("client_id", &*mine.id), ("refresh_token", &*refresh)];
    assert_eq!(server.post_form(TOKEN, &form).await.refusal(), (401, "invalid_client".to_owned()));
    for method in ["GET", "PUT", "DELETE"] {
        let again = ask(&server, method, &mine, &by(&mine, public())).await;
        assert_eq!(again.refusal(), (UNAUTHORIZED.0, UNAUTHORIZED.1.to_owned()), "{method}");
    }
    assert_eq!(server.get(&Ask::of(&mine.id).path()).await.status, 400);
    assert_eq!(server.audited("registration_removed").await, 1);
}

#[tokio::test]
async fn where_registration_is_closed_clients_may_only_look_and_go() {
    let server = TestServer::start().await;
    let (mine, _) = register(&server, &public()).await;
    let closed = server.another("registration = \"closed\"").await;
    assert_eq!(ask(&closed, "GET", &mine, &Value::Null).await.status, 200);
    let answer = ask(&closed, "PUT", &mine, &by(&mine, public())).await;
    assert_eq!(answer.refusal(), (403, "access_denied".to_owned()));
    assert_eq!(ask(&closed, "DELETE", &mine, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn replacements_count_as_registrations() {
    let server = TestServer::start_with("registrations_per_hour = 2").await;
    let (mine, _) = register(&server, &public()).await;
    assert_eq!(ask(&server, "PUT", &mine, &by(&mine, public())).await.status, 200);
    let limited = ask(&server, "PUT", &mine, &by(&mine, public())).await;
    assert_eq!(limited.status, 429);
    assert!(!limited.header("retry-after").is_empty());
    assert_eq!(ask(&server, "GET", &mine, &Value::Null).await.status, 200);
}

#[tokio::test]
async fn the_old_secret_goes_on_for_as_long_as_was_said() {
    use auth_server::{audit::Actor, clients::rotate_secret::rotate_secret};
    let server = TestServer::start().await;
    server.add_client(&confidential_client("web")).await;
    let rotate = |overlap_seconds| {
        let now = shared::clock::Clock::now(&*server.clock);
        let app = &server.app;
        async move { rotate_secret(&app.store, &SystemRandom, &Actor::CommandLine, "web", overlap_seconds, now).await }
    };
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let knows = |secret: String| {
        let server = &server;
        async move { server.post_form_as(TOKEN, &basic("web", &secret), &grant).await.error() == "invalid_grant" }
    };
    assert!(knows(SECRET.to_owned()).await);
    let second = rotate(3600).await.expect("rotated").expose().to_owned();
    server.follow().await;
    server.clock.advance(3599);
    assert!(knows(SECRET.to_owned()).await && knows(second.clone()).await, "both, for an hour");
    server.clock.advance(1);
    assert!(!knows(SECRET.to_owned()).await && knows(second.clone()).await, "then only the new one");
    let third = rotate(3600).await.expect("rotated").expose().to_owned();
    let fourth = rotate(3600).await.expect("rotated").expose().to_owned();
    server.follow().await;
    assert!(!knows(second).await, "two at most");
    assert!(knows(third).await && knows(fourth.clone()).await);
    let leaked = rotate(0).await.expect("rotated").expose().to_owned();
    server.follow().await;
    assert!(!knows(fourth).await && knows(leaked).await, "0 ends it at once");
    assert_eq!(server.audited("client_secret_rotated").await, 4);
    let (dynamic, _) = register(&server, &json!({ "redirect_uris": [WEBSITE] })).await;
    for id in [dynamic.id.as_str(), "nobody", super::test_server::RESOURCE_SERVER] {
        let refused = rotate_secret(&server.app.store, &SystemRandom, &Actor::CommandLine, id, 0, 0).await;
        assert!(refused.is_err(), "{id}");
    }
}

#[tokio::test]
async fn browsers_of_other_sites_manage_nothing_by_form() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let (mine, _) = register(&server, &public()).await;
    let page = ada.get("/").await;
    let mut foreign = form(&page, "sign-out-form");
    foreign.action.clone_from(&mine.path);
    assert_eq!(ada.submit_from(&foreign, &[("origin", "https://evil.example")]).await.status, 405);
}

/// What is replaced is what the database holds, not what this instance remembers of it.
#[tokio::test]
async fn a_replacement_knows_what_another_instance_wrote_a_moment_ago() {
    let server = TestServer::start().await;
    let (mine, _) = register(&server, &public()).await;
    let other = server.another("").await;
    assert_eq!(ask(&other, "GET", &mine, &Value::Null).await.status, 200, "remembered as public");
    let confidential = by(&mine, json!({ "redirect_uris": [WEBSITE], "client_name": "Client" }));
    let replaced = ask(&server, "PUT", &mine, &confidential).await;
    let secret = replaced.text("client_secret");
    let refused = ask(&other, "PUT", &mine, &by(&mine, public())).await;
    assert_eq!(refused.refusal(), (400, "invalid_client_metadata".to_owned()), "it proves itself since");
    let again = ask(&other, "PUT", &mine, &confidential).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert!(again.json().get("client_secret").is_none(), "it has one");
    for server in [&server, &other] {
        server.follow().await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];
        let answer = server.post_form_as(TOKEN, &basic(&mine.id, &secret), &form).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "the secret that it was given is right");
    }
}
