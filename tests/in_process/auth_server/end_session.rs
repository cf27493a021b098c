//! `/oauth2/end-session` (OpenID Connect RP-Initiated Logout): who is signed out, who is asked, and where a browser is never sent.

use super::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    sign_on::{allow, id_token as hint, redeem},
    visitors::{Ask, PASSWORD, WEBSITE},
};
use keys::SigningKey;
use serde_json::json;
use shared::protocol::token_algorithm::TokenAlgorithm;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const OUT: &str = "https://client.example/out";
const COOKIE: &str = "postern-9400";

/// A server with Ada, Bob and a client that registered where to go afterwards.
async fn server() -> (TestServer, String) {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(BOB).await;
    let client = register(&server, &[OUT]).await;
    (server, client)
}

async fn register(server: &TestServer, post_logout: &[&str]) -> String {
    let document = json!({ "client_name": "Portal", "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none",
        "post_logout_redirect_uris": post_logout });
    let answer = server.post_json("/oauth2/register", &document).await.json();
    let registered = if post_logout.is_empty() { json!(null) } else { json!(post_logout) };
    assert_eq!(answer["post_logout_redirect_uris"], registered);
    answer["client_id"].as_str().expect("an id").to_owned()
}

fn path(pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth2/end-session?{query}")
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.copy().get("/").await.body.contains("id=\"sign-out-form\"")
}

fn leads_to(answer: &Answer, location: &str) {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, location), "{answer:?}");
}

#[tokio::test]
async fn who_is_meant_is_signed_out_at_once() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let hint = hint(&server, &mut browser, &client).await;
    let mut copy = browser.copy();
    // Hours later: an expired ID token still says who was meant.
    server.clock.advance(2 * 3600);
    let state = "a b&c=d\r\né";
    let request =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", OUT), ("state", state), ("client_id", &client)];
    let before = server.audited("signed_out").await;
    let answer = browser.get(&path(&request)).await;
    leads_to(&answer, &format!("{OUT}?state=a%20b%26c%3Dd%0D%0A%C3%A9"));
    assert!(!browser.cookies.contains_key(COOKIE));
    assert!(!is_signed_in(&mut copy).await, "the session itself has ended");
    assert_eq!(server.audited("signed_out").await, before + 1);
    // Once more, in the browser that knows her: there is nothing left to do.
    leads_to(&browser.get(&path(&[("id_token_hint", &hint), ("post_logout_redirect_uri", OUT)])).await, OUT);
    let mut again = Browser::signed_in(&server, ADA, PASSWORD).await;
    leads_to(&again.get(&path(&[("id_token_hint", &hint)])).await, "/signed-out");
    assert!(!is_signed_in(&mut again).await);
}

#[tokio::test]
async fn a_form_of_the_client_goes_the_same_way() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let hint = hint(&server, &mut browser, &client).await;
    let fields =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", OUT), ("state", "s"), ("ui_locales", "de")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let form = Form { action: "/oauth2/end-session".to_owned(), fields };
    let foreign = [("origin", "https://client.example"), ("sec-fetch-site", "cross-site")];
    let answer = Browser::new(&server).submit_from(&form, &foreign).await;
    assert!(is_signed_in(&mut browser).await, "the form itself ends nothing");
    leads_to(&browser.follow(&answer).await, &format!("{OUT}?state=s"));
    assert!(!is_signed_in(&mut browser).await);
    let long = form.with("state", &"s".repeat(9000));
    assert_eq!(Browser::new(&server).submit_from(&long, &foreign).await.status, 413);
}

#[tokio::test]
async fn everybody_else_is_asked() {
    let (server, client) = server().await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let of_ada = hint(&server, &mut ada, &client).await;
    let mut bob = Browser::signed_in(&server, BOB, PASSWORD).await;
    for request in [
        vec![],
        vec![("client_id", client.as_str())],
        vec![("client_id", client.as_str()), ("post_logout_redirect_uri", OUT)],
        vec![("id_token_hint", of_ada.as_str()), ("post_logout_redirect_uri", OUT)],
        vec![("id_token_hint", "nonsense")],
        vec![("client_id", "nobody")],
    ] {
        let page = bob.get(&path(&request)).await;
        assert_eq!(page.status, 200, "{request:?}");
        assert!(page.body.contains("Sign out here?") && page.body.contains(BOB), "{page:?}");
        assert_eq!(page.body.contains("client.example"), request.iter().any(|(name, _)| name.starts_with("post")));
        assert!(!page.body.contains(ADA), "whom the hint names is not told");
        assert!(is_signed_in(&mut bob).await);
    }
    let asked = form(
        &bob.get(&path(&[("client_id", &client), ("post_logout_redirect_uri", OUT), ("state", "s")])).await,
        "end-session-form",
    );
    leads_to(&bob.submit(&asked.clone().with("decision", "stay")).await, "/");
    assert!(is_signed_in(&mut bob).await);
    leads_to(&bob.submit(&asked.clone().with("decision", "sign-out")).await, &format!("{OUT}?state=s"));
    assert!(!is_signed_in(&mut bob).await);
    leads_to(&bob.submit(&asked.with("decision", "sign-out")).await, "/");
}

#[tokio::test]
async fn another_site_cannot_answer_for_the_person() {
    let (server, client) = server().await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut bob = Browser::signed_in(&server, BOB, PASSWORD).await;
    let request = path(&[("client_id", &client), ("post_logout_redirect_uri", OUT)]);
    let of_ada = form(&ada.get(&request).await, "end-session-form").with("decision", "sign-out");
    let of_bob = form(&bob.get(&request).await, "end-session-form").with("decision", "sign-out");
    for headers in [
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "cross-site")],
        [("origin", "http://localhost:9500"), ("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(ada.submit_from(&of_ada, &headers).await.status, 403);
    }
    assert_eq!(ada.submit(&of_ada.clone().with("csrf", of_bob.field("csrf"))).await.status, 403);
    assert_eq!(ada.submit(&of_ada.clone().without("csrf")).await.status, 403);
    leads_to(&ada.submit(&of_bob).await, "/");
    assert_eq!(ada.submit(&of_ada.clone().with("asked", "x")).await.status, 400);
    let pending = form(&ada.get(&Ask::of(&client).path()).await, "switch-form").field("request").to_owned();
    assert_eq!(ada.submit(&of_ada.clone().with("asked", &pending)).await.status, 400, "sealed for something else");
    assert!(is_signed_in(&mut ada).await);
    server.clock.advance(3600);
    assert_eq!(ada.submit(&of_ada).await.status, 400, "an hour later");
    for ahead in [("sec-purpose", "prefetch"), ("x-none", "HEAD")] {
        let method = if ahead.1 == "HEAD" { "HEAD" } else { "GET" };
        let answer = ada.ask(method, &request, &[ahead]).await;
        assert!([503, 405].contains(&answer.status.as_u16()), "{answer:?}");
    }
}

#[tokio::test]
async fn a_browser_goes_only_where_that_client_registered() {
    let (server, client) = server().await;
    let other = register(&server, &["https://other.example/out"]).await;
    let without = register(&server, &[]).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let hint = hint(&server, &mut browser, &client).await;
    for uri in [
        "https://client.example/out/",
        "https://client.example/out?x=1",
        "https://client.example/out#x",
        "https://client.example/Out",
        "https://client.example:443/out",
        "https://client.example@evil.example/out",
        "https://client.example.evil.example/out",
        "https://client.example/out/../x",
        "https://other.example/out",
        WEBSITE,
        "//client.example/out",
        "javascript:alert(1)",
        "/signed-out",
        "https://client.example/out\r\nLocation: https://evil.example",
    ] {
        for named in [("id_token_hint", hint.as_str()), ("client_id", client.as_str())] {
            let answer = browser.get(&path(&[named, ("post_logout_redirect_uri", uri)])).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{uri}");
            assert!(!answer.body.contains("evil.example") && is_signed_in(&mut browser).await, "{uri}");
        }
    }
    let long = "s".repeat(2049);
    for request in [
        vec![("post_logout_redirect_uri", OUT)],
        vec![("post_logout_redirect_uri", OUT), ("client_id", "nobody")],
        vec![("post_logout_redirect_uri", OUT), ("client_id", &other)],
        vec![("post_logout_redirect_uri", OUT), ("client_id", &without)],
        vec![("post_logout_redirect_uri", OUT), ("client_id", &other), ("id_token_hint", &hint)],
        vec![
            ("post_logout_redirect_uri", "https://other.example/out"),
            ("client_id", &other),
            ("id_token_hint", &hint),
        ],
        vec![("post_logout_redirect_uri", OUT), ("id_token_hint", "forged")],
        vec![("post_logout_redirect_uri", OUT), ("id_token_hint", &hint), ("state", &long)],
    ] {
        let answer = browser.get(&path(&request)).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{request:?}");
        assert!(is_signed_in(&mut browser).await, "{request:?}");
    }
    let twice = format!("{}&state=2", path(&[("id_token_hint", &hint), ("state", "1")]));
    assert_eq!(browser.get(&twice).await.status, 400);
}

/// Anybody can register a client and be given an ID token of their own: a link with it must not lead strangers anywhere.
#[tokio::test]
async fn strangers_are_sent_nowhere_without_being_told() {
    let (server, client) = server().await;
    let mut eve = Browser::signed_in(&server, BOB, PASSWORD).await;
    let of_eve = hint(&server, &mut eve, &client).await;
    for request in [
        vec![("id_token_hint", of_eve.as_str()), ("post_logout_redirect_uri", OUT)],
        vec![("client_id", client.as_str()), ("post_logout_redirect_uri", OUT)],
    ] {
        let mut stranger = Browser::new(&server);
        let page = stranger.get(&path(&request)).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (200, ""));
        assert!(page.body.contains("client.example") && page.body.contains("Nobody is signed in"), "{page:?}");
        let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
        ada.cookies.remove(COOKIE);
        assert_eq!(ada.get(&path(&request)).await.header("location"), "", "a browser that knows somebody else");
    }
    let plain = Browser::new(&server).get("/oauth2/end-session").await;
    assert!(plain.body.contains("You are signed out") && !plain.body.contains("Back to the application"));
}

#[tokio::test]
async fn a_forged_hint_shows_nothing() {
    let (server, client) = server().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let good = hint(&server, &mut browser, &client).await;
    let claims = super::given::claims_of(&good);
    let (header, rest) = good.split_once('.').expect("parts");
    let (payload, _) = rest.split_once('.').expect("parts");
    let code = allow(&mut browser, &Ask::of(&client).with("scope", "openid")).await;
    let access_token = redeem(&server, &client, &code).await.text("access_token");
    let mut elsewhere = claims.clone();
    elsewhere["iss"] = json!("https://evil.example");
    for forged in [
        format!("{header}.{payload}."),
        SigningKey::generate(TokenAlgorithm::Es256).expect("a key").sign("JWT", &claims).expect("signed"),
        server.app.keys.sign(TokenAlgorithm::Es256, "JWT", &elsewhere).expect("signed"),
        access_token,
    ] {
        let page = browser.get(&path(&[("id_token_hint", &forged)])).await;
        assert!(page.status == 200 && page.body.contains("Sign out here?"), "{page:?}");
        assert!(is_signed_in(&mut browser).await);
        // And at the authorization endpoint it names nobody.
        let silent = Ask::of(&client).with("prompt", "none").with("id_token_hint", &forged);
        let answer = browser.get(&silent.path()).await;
        assert!(answer.header("location").contains("error=login_required"), "{answer:?}");
    }
    let other = register(&server, &[OUT]).await;
    let silent = Ask::of(&other).with("prompt", "none").with("id_token_hint", &good);
    assert!(browser.get(&silent.path()).await.header("location").contains("error=login_required"), "another client's");
}
