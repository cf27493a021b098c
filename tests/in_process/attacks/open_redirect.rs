//! Open redirection (RFC 9700 §4.11): every redirect of this server leads to one of its own pages or to an address that the client
//! registered, whatever a link, a form or a path asks for.

use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, form},
    visitors::{Ask, PASSWORD, WEBSITE},
};

const ADA: &str = "ada@example.com";
/// Ways to write an address elsewhere that somebody has once taken for a path.
const ELSEWHERE: [&str; 8] = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/%2f%2fevil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
];
/// Names under which servers take such an address.
const NAMES: [&str; 18] = [
    "next",
    "return",
    "return_to",
    "returnTo",
    "continue",
    "url",
    "redirect",
    "redirect_to",
    "redirect_url",
    "redirect_uri",
    "target",
    "dest",
    "RelayState",
    "post_logout_redirect_uri",
    "target_link_uri",
    "login_uri",
    "request",
    "form",
];

/// Where a browser would go, and whether it may.
fn assert_stays(answer: &Answer, context: &str) {
    let location = answer.header("location");
    if location.is_empty() {
        return;
    }
    let base = url::Url::parse("http://localhost:9400/").expect("a URL");
    let target = base.join(location).expect("a location is a URL");
    let is_ours = target.origin() == base.origin() && location.starts_with('/');
    assert!(is_ours || location.starts_with(&format!("{WEBSITE}?")), "{context} leads to {location}");
    assert!(!matches!(answer.status.as_u16(), 307 | 308), "RFC 9700 §4.12: a form is never sent on");
}

#[tokio::test]
async fn no_link_leads_elsewhere() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let right = Ask::of(&client).path();
    for name in NAMES {
        for elsewhere in ELSEWHERE {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, elsewhere).finish();
            for page in
                ["/", "/sign-in", "/signed-out", "/oauth2/consent", "/oauth2/authorize", "/authorize", "/set-up/x"]
            {
                for answer in
                    [server.get(&format!("{page}?{query}")).await, browser.get(&format!("{page}?{query}")).await]
                {
                    assert_stays(&answer, &format!("{page}?{query}"));
                    assert!(!answer.body.contains("evil.example"), "{page}?{query}: {answer:?}");
                }
            }
            let beside = server.get(&format!("{right}&{query}")).await;
            assert_stays(&beside, &query);
        }
    }
}

#[tokio::test]
async fn no_form_leads_elsewhere() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut browser = Browser::new(&server);
    for name in ["next", "return_to", "redirect_uri", "post_logout_redirect_uri", "RelayState"] {
        let page = browser.get("/sign-in").await;
        let filled = form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
        let answer = browser.submit(&filled.with(name, "https://evil.example/")).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{name}");
        let home = browser.get("/").await;
        let leave = form(&home, "sign-out-form").with(name, "https://evil.example/");
        let answer = browser.submit(&leave).await;
        assert_stays(&answer, name);
        assert_eq!(answer.status, 303, "{name}");
    }
}

#[tokio::test]
async fn no_path_becomes_a_host() {
    let server = TestServer::start().await;
    for path in [
        "//evil.example",
        "//evil.example/..",
        "//evil.example/sign-in",
        "/%5cevil.example",
        "/%2f%2fevil.example/",
        "/sign-in/",
        "/sign-in//evil.example",
        "/oauth2/authorize/",
        "/.well-known/oauth-authorization-server//evil.example",
        "/assets//evil.example",
    ] {
        let Ok(request) = axum::extract::Request::get(path).body(axum::body::Body::empty()) else { continue };
        let answer = server.send(request).await;
        assert_eq!(answer.header("location"), "", "{path}: {answer:?}");
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_refusal_before_the_client_is_known_stays_here() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for ask in [
        Ask::of("nobody").with("redirect_uri", "https://evil.example/"),
        Ask::of(&client).with("redirect_uri", "https://evil.example/").with("response_type", "token"),
        Ask::of(&client).with("redirect_uri", "https://evil.example/").with("prompt", "none"),
        Ask::of(&client).with("redirect_uri", "https://evil.example/").with("scope", "\""),
    ] {
        let answer = server.get(&ask.path()).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{answer:?}");
    }
}
