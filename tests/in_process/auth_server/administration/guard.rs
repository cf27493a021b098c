//! Who may not administer, whatever they show.

use super::super::{
    TestServer,
    given::{SECRET, TOKEN, basic, confidential_client, public_client},
    test_server::RESOURCE,
};
use super::given::{CONSOLE, OPS, administering_client};
use auth_server::{
    audit::Actor,
    clients::{Client, ClientOrigin, GrantType, remove_client::remove_client},
    users::disable_user,
};
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use shared::random::SystemRandom;

const USERS: &str = "/api/admin/users";

async fn status(server: &TestServer, method: &str, token: &str) -> u16 {
    let body = json!({ "email": "new@example.com" });
    server.call(method, USERS, token, &body).await.status.as_u16()
}

#[tokio::test]
async fn without_a_token_nothing_is_answered_and_the_challenge_names_the_least_scope() {
    let server = TestServer::administered().await;
    for (method, scope) in [("GET", "postern.admin.read"), ("POST", "postern.admin")] {
        let request = Request::builder().method(method).uri(USERS).body(Body::empty()).expect("a request");
        let answer = server.send(request).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").to_owned();
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
    }
    assert_eq!(status(&server, "GET", "nonsense").await, 401);
}

#[tokio::test]
async fn looking_is_not_changing() {
    let server = TestServer::administered().await;
    let reader = server.token_of_machine(OPS, "postern.admin.read").await;
    assert_eq!((status(&server, "GET", &reader).await, status(&server, "POST", &reader).await), (200, 403));
    let refused = server.call("POST", USERS, &reader, &json!({})).await.json();
    assert_eq!((&refused["error"], &refused["scope"]), (&json!("insufficient_scope"), &json!("postern.admin")));
    let all = server.token_of_machine(OPS, "postern.admin").await;
    assert_eq!((status(&server, "GET", &all).await, status(&server, "POST", &all).await), (200, 201));
}

#[tokio::test]
async fn a_token_of_a_member_or_of_somebody_demoted_or_gone_is_refused() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    // Minted with the role in it: only the database counts.
    for user in ["ann", "nobody"] {
        assert_eq!(status(&server, "GET", &server.token_of_user(user, CONSOLE, "postern.admin")).await, 403, "{user}");
    }
    let root = server.token_of_user("root", CONSOLE, "postern.admin");
    assert_eq!(status(&server, "GET", &root).await, 200);
    server.add_user("second", &["administrator"]).await;
    disable_user(&server.app.store, &SystemRandom, &Actor::CommandLine, "root", 0).await.expect("disabled");
    assert_eq!(status(&server, "GET", &root).await, 403, "closed meanwhile, and no cache was told");
}

#[tokio::test]
async fn clients_that_registered_themselves_never_administer() {
    let server = TestServer::administered().await;
    let api = format!("{}/api", server.app.issuer);
    let scope = "postern.admin".parse().expect("scope");
    let self_made = Client { resources: vec![api.clone()], scope, confirmed_at: Some(1), ..public_client("self-made") };
    server.add_client(&self_made).await;
    assert_eq!(status(&server, "GET", &server.token_of_user("root", "self-made", "postern.admin")).await, 403);
    let machine = Client { origin: ClientOrigin::Dynamic, ..administering_client(&server, "made-up") };
    server.add_client(&machine).await;
    let form = [("grant_type", "client_credentials"), ("resource", api.as_str())];
    assert_eq!(server.post_form_as(TOKEN, &basic("made-up", SECRET), &form).await.status, 400);
    let asked = format!(
        "/oauth2/authorize?response_type=code&client_id=self-made&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &resource={}&scope=postern.admin",
        super::resources::encoded(&api)
    );
    let answer = server.get(&asked).await;
    assert!(answer.header("location").contains("error=invalid_target"), "{answer:?}");
}

#[tokio::test]
async fn a_machine_needs_the_interface_by_name_now() {
    let server = TestServer::administered().await;
    let token = server.token_of_machine(OPS, "postern.admin").await;
    assert_eq!(status(&server, "GET", &token).await, 200);
    remove_client(&server.app.store, &SystemRandom, &Actor::CommandLine, OPS, 0).await.expect("removed");
    assert_eq!(status(&server, "GET", &token).await, 403, "removed meanwhile, and no cache was told");
    let elsewhere = confidential_client("elsewhere");
    server.add_client(&elsewhere).await;
    let forged = server.token_of_user("root", "elsewhere", "postern.admin");
    assert_eq!(status(&server, "GET", &forged).await, 403);
    let narrow =
        Client { scope: "postern.admin.read".parse().expect("scope"), ..administering_client(&server, "narrow") };
    server.add_client(&narrow).await;
    let wide = server.token_of_user("root", "narrow", "postern.admin");
    assert_eq!((status(&server, "GET", &wide).await, status(&server, "POST", &wide).await), (200, 403));
    let person = Client { grant_types: vec![GrantType::AuthorizationCode], ..administering_client(&server, "person") };
    server.add_client(&person).await;
}

#[tokio::test]
async fn tokens_for_other_audiences_and_of_resource_servers_are_refused() {
    let server = TestServer::administered().await;
    server.add_client(&confidential_client("nightly")).await;
    let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
    let elsewhere = server.post_form_as(TOKEN, &basic("nightly", SECRET), &form).await.text("access_token");
    assert_eq!(status(&server, "GET", &elsewhere).await, 401, "another audience");
    let resource_server = server.machine_token().await;
    assert_eq!(
        (status(&server, "GET", &resource_server).await, status(&server, "POST", &resource_server).await),
        (403, 403)
    );
}

#[tokio::test]
async fn neither_cookies_nor_other_places_carry_a_token() {
    let server = TestServer::administered().await;
    let token = server.token_of_machine(OPS, "postern.admin").await;
    let cases = [
        Request::get(USERS).header("cookie", format!("access_token={token}")),
        Request::get(format!("{USERS}?access_token={token}")),
        Request::get(USERS).header("authorization", format!("Basic {token}")),
        Request::get(USERS).header("x-authorization", format!("Bearer {token}")),
    ];
    for request in cases {
        let answer = server.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let twice = Request::get(USERS)
        .header("authorization", format!("Bearer {token}"))
        .header("authorization", format!("Bearer {token}"));
    assert_eq!(server.send(twice.body(Body::empty()).expect("a request")).await.status, 400);
    let form = Request::post(USERS)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(server.send(form.body(Body::from("email=a@example.com")).expect("a request")).await.status, 415);
    let answer = server.call("GET", USERS, &token, &Value::Null).await;
    assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn members_that_nobody_may_set_are_refused() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    let client = json!({ "client_name": "x", "grant_types": ["client_credentials"], "scope": "mcp.read", "resources": [RESOURCE] });
    for (method, path, body, member, value) in [
        ("POST", "/users", json!({ "email": "a@example.com" }), "roles", json!(["administrator"])),
        ("POST", "/users", json!({ "email": "a@example.com" }), "id", json!("root")),
        ("POST", "/users", json!({ "email": "a@example.com" }), "password_hash", json!("x")),
        ("PATCH", "/users/ann", json!({}), "roles", json!(["administrator"])),
        ("PATCH", "/users/ann", json!({}), "email", json!("root@example.com")),
        ("POST", "/clients", client.clone(), "origin", json!("administered")),
        ("POST", "/clients", client.clone(), "client_id", json!("ops")),
        ("POST", "/clients", client.clone(), "client_secret", json!("guessable")),
        ("POST", "/clients", client, "confirmed_at", json!(1)),
        ("PATCH", "/clients/ops", json!({}), "origin", json!("resource_server")),
    ] {
        let mut body = body;
        body[member] = value;
        let refused = server.admin(method, path, &body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request".to_owned()), "{method} {path} {member}");
    }
    let twice = "{\"email\":\"a@example.com\",\"email\":\"b@example.com\"}";
    let token = server.token_of_machine(OPS, "postern.admin").await;
    let request = Request::post(USERS)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    assert_eq!(server.send(request.body(Body::from(twice)).expect("a request")).await.status, 400);
    assert_eq!((server.audited("user_added").await, server.audited("client_added").await), (0, 0));
}

#[tokio::test]
async fn ids_of_other_kinds_of_removed_things_and_of_paths_are_nothing() {
    let server = TestServer::administered().await.and_app().await;
    server.family().await;
    let collections = [
        ("/users", &["ops", "app"][..]),
        ("/clients", &["root", "ann"]),
        ("/resource-servers", &["ops", "app", "ann"]),
        ("/resources", &["ops", "ann"]),
        ("/grants", &["ann", "app"]),
        ("/sessions", &["ann", "app"]),
    ];
    let hostile = [
        "%2e%2e%2fusers",
        "..%2F..%2Foauth2%2Ftoken",
        "%00",
        "%FF%FE",
        "a%27%20OR%20%271%27=%271",
        "%25",
        "*",
        "nothing",
    ];
    for (collection, foreign) in collections {
        server.clock.advance(60);
        for id in foreign.iter().chain(&hostile) {
            for method in ["GET", "DELETE", "PATCH"] {
                let answer = server.admin(method, &format!("{collection}/{id}"), &json!({})).await;
                let is_none =
                    matches!(answer.status.as_u16(), 404 | 405) || (id.contains("%00") && answer.status == 400);
                assert!(is_none, "{method} {collection}/{id}: {answer:?}");
            }
        }
        for path in ["/../users", "/", "//"] {
            assert_eq!(server.admin_get(&format!("{collection}{path}")).await.status, 404, "{collection}{path}");
        }
    }
    assert_eq!(server.admin_get("/users/ann").await.status, 200);
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let server = TestServer::administered().await;
    let long = json!({ "email": "a@example.com", "display_name": "x".repeat(64 * 1024) });
    assert_eq!(server.admin("POST", "/users", &long).await.status, 413);
    let token = server.token_of_machine(OPS, "postern.admin").await;
    for body in ["", "{", "[]", "null", "\"text\"", "{\"email\":null}", "{\"email\":7}"] {
        let request = Request::post(USERS).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(Body::from(body)).expect("a request");
        assert_eq!(server.send(request).await.refusal(), (400, "invalid_request".to_owned()), "{body}");
    }
    let deep = format!("{{\"email\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let request = Request::post(USERS).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json").body(Body::from(deep)).expect("a request");
    assert_eq!(server.send(request).await.status, 400);
}

#[tokio::test]
async fn each_who_administers_has_a_limit_of_their_own() {
    let server = TestServer::administered_with("administration_requests_per_minute = 3").await;
    let token = server.token_of_machine(OPS, "postern.admin").await;
    for remaining in ["2", "1", "0"] {
        let answer = server.call("GET", USERS, &token, &Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-ratelimit-remaining")), (200, remaining));
    }
    let refused = server.call("GET", USERS, &token, &Value::Null).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"), "{refused:?}");
    let root = server.token_of_user("root", CONSOLE, "postern.admin");
    assert_eq!(status(&server, "GET", &root).await, 200, "somebody else");
    server.clock.advance(60);
    assert_eq!(status(&server, "GET", &token).await, 200);
}

#[tokio::test]
async fn methods_that_a_path_does_not_have_are_named() {
    let server = TestServer::administered().await;
    let answer = server.admin("DELETE", "/users", &Value::Null).await;
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").contains("GET") && answer.header("allow").contains("POST"), "{answer:?}");
    let head = server.admin("HEAD", "/users", &Value::Null).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
}
