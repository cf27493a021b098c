//! Cache poisoning and host confusion: nothing that a request says about its own address changes an answer, and what one person sees no
//! cache keeps.

use crate::auth_server::{
    Answer, TestServer,
    browser::Browser,
    visitors::{Ask, PASSWORD},
};
use axum::{body::Body, extract::Request};

/// Headers by which a proxy or an attacker says where a request was sent.
const SAID: [(&str, &str); 12] = [
    ("host", "evil.example"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "evil.example"),
    ("x-forwarded-port", "31337"),
    ("x-forwarded-prefix", "/evil.example"),
    ("x-forwarded-server", "evil.example"),
    ("x-host", "evil.example"),
    ("forwarded", "for=1.2.3.4;host=evil.example;proto=https"),
    ("x-original-url", "/evil.example"),
    ("x-rewrite-url", "/evil.example"),
    ("x-http-method-override", "POST"),
    ("x-forwarded-for", "evil.example"),
];
/// What anybody may keep.
const DOCUMENTS: [&str; 3] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/jwks.json"];

async fn ask(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    server.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn documents_that_caches_keep_are_the_same_whoever_asks_however() {
    let server = TestServer::start().await;
    for path in DOCUMENTS {
        let plain = server.get(path).await;
        assert!(plain.header("cache-control").starts_with("public"), "{plain:?}");
        let cookie = ("cookie", "postern-9400=x");
        for said in SAID.into_iter().chain([cookie, ("authorization", "Bearer x"), ("accept", "text/html")]) {
            let answer = ask(&server, path, &[said]).await;
            assert_eq!((answer.status, &answer.body), (plain.status, &plain.body), "{path} {said:?}");
            assert_eq!(answer.header("etag"), plain.header("etag"));
        }
        for query in ["?x=evil.example", "?resource=https://evil.example", "?host=evil.example"] {
            assert_eq!(server.get(&format!("{path}{query}")).await.body, plain.body, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn no_answer_repeats_what_a_request_says_of_its_address() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    let refused = Ask::of(&client).with("response_type", "token").path();
    let paths = ["/", "/sign-in", "/signed-out", "/nothing/here", "/set-up/x", &Ask::of(&client).path(), &refused];
    for path in paths {
        let plain = server.get(path).await;
        for said in SAID {
            let answer = ask(&server, path, &[said]).await;
            assert_eq!(answer.status, plain.status, "{path} {said:?}");
            assert_eq!(answer.header("location"), plain.header("location"), "{path} {said:?}");
            let all = format!("{:?} {}", answer.headers, answer.body);
            assert!(!all.contains("evil.example") && !all.contains("31337"), "{path} {said:?}: {all}");
        }
    }
}

#[tokio::test]
async fn what_is_for_one_person_or_client_is_kept_by_no_cache() {
    let server = TestServer::start().await;
    server.add_member("ada@example.com").await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    let mut answers = vec![
        browser.get("/").await,
        browser.get(&Ask::of(&client).path()).await,
        server.get(&Ask::of(&client).with("response_type", "token").path()).await,
        server.post_form("/oauth2/token", &[("grant_type", "x")]).await,
        server.post_form("/oauth2/introspect", &[("token", "x")]).await,
        server.post_form("/oauth2/revoke", &[("token", "x")]).await,
        server.post_json("/oauth2/register", &serde_json::json!({})).await,
    ];
    for path in ["/sign-in", "/signed-out", "/set-up/x", "/api/events", "/nothing/here", "/.well-known/nothing"] {
        answers.push(server.get(path).await);
    }
    for answer in answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
}

#[tokio::test]
async fn a_path_that_looks_like_a_file_is_no_page() {
    let server = TestServer::start().await;
    server.add_member("ada@example.com").await;
    let mut browser = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    for path in
        ["/x.css", "/sign-in/x.css", "/signed-out.js", "/oauth2/consent/x.png", "/;x.css", "/%2e%2e/x.css", "/assets/x"]
    {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(!answer.body.contains("ada@example.com"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}
