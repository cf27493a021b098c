//! Open redirection (RFC 9700 §4.11): every redirect of this server leads to one of its own pages or to an address that the client
//! registered, whatever a link, a form or a path asks for.

use super::forms::{ADA, FORMS, people, stage};
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, form},
    visitors::{Ask, PASSWORD, WEBSITE},
};

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

/// Where such a name could be read.
const PAGES: [&str; 11] = [
    "/",
    "/sign-in",
    "/signed-out",
    "/change-password",
    "/oauth2/consent",
    "/oauth2/authorize",
    "/authorize",
    "/oauth2/end-session",
    "/set-up/x",
    "/reset-password/x",
    "/nowhere",
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
            for page in PAGES {
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

/// Every form, sent rightly and wrongly, with an address elsewhere under each of the names, in the form and beside it.
#[tokio::test]
async fn no_form_with_an_address_leads_there() {
    for (number, row) in FORMS.into_iter().enumerate() {
        let elsewhere = ELSEWHERE[number % ELSEWHERE.len()];
        let server = TestServer::start().await;
        people(&server, row).await;
        let mut staged = stage(&server, row, ADA).await;
        let taken: Vec<String> = staged.form.fields.iter().map(|(name, _)| name.clone()).collect();
        let free = || NAMES.into_iter().filter(|name| !taken.iter().any(|field| field == name));
        let query =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(free().map(|name| (name, elsewhere))).finish();
        let mut right =
            free().filter(|name| *name != "request").fold(staged.form.clone(), |form, name| form.with(name, elsewhere));
        right.action = format!("{}?{query}", right.action);
        let wrong =
            ["csrf", "form", "asked", "password"].into_iter().fold(right.clone(), |form, name| form.with(name, "x"));
        for (form, headers) in [
            (&wrong, &[("sec-fetch-site", "same-origin")]),
            (&right, &[("sec-fetch-site", "cross-site")]),
            (&right, &[("sec-fetch-site", "same-origin")]),
        ] {
            let answer = staged.browser.submit_from(form, headers).await;
            assert_stays(&answer, &format!("{} with {elsewhere}", row.path));
            assert!(!answer.body.contains("evil.example"), "{answer:?}");
        }
    }
}

/// The one parameter by which this server is asked to lead away at the end of a session, in every spelling, with and without a client, signed in
/// and not, and by the answer to the question.
#[tokio::test]
async fn no_end_of_a_session_leads_elsewhere() {
    const OUT: &str = "https://client.example/callback?out";
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let document = serde_json::json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none",
        "post_logout_redirect_uris": [OUT] });
    let client = server.post_json("/oauth2/register", &document).await.text("client_id");
    let other = server.register_client("Other").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let hint = crate::auth_server::sign_on::id_token(&server, &mut ada, &client).await;
    let near =
        [format!("{OUT}/"), format!("{OUT}#"), format!("{OUT}&x"), OUT.to_uppercase(), OUT.replace("https", "http")];
    for elsewhere in ELSEWHERE.into_iter().chain(near.iter().map(String::as_str)) {
        for by in [
            vec![],
            vec![("client_id", client.as_str())],
            vec![("client_id", other.as_str())],
            vec![("id_token_hint", hint.as_str())],
            vec![("id_token_hint", hint.as_str()), ("client_id", other.as_str())],
        ] {
            let pairs = [&by[..], &[("post_logout_redirect_uri", elsewhere), ("state", "s")]].concat();
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let path = format!("/oauth2/end-session?{query}");
            let context = format!("{elsewhere} {by:?}");
            for mut browser in [Browser::new(&server), ada.copy()] {
                let answer = browser.get(&path).await;
                assert!(answer.header("location").is_empty(), "{context}: {answer:?}");
                assert!(
                    !answer.body.contains("evil.example") && !answer.body.contains("alert(1)"),
                    "{context}: {answer:?}"
                );
                assert!(!answer.body.contains(&format!("href=\"{elsewhere}")), "{context}: {answer:?}");
            }
        }
    }
    assert!(ada.get("/").await.body.contains(ADA), "and nobody was signed out by it");
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
