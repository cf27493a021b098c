//! Signing in and out: what is said to whom, and what a session is.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    test_server::START,
    visitors::{Ask, PASSWORD},
};
use auth_server::audit::Actor;
use auth_server::users::{User, disable_user, known_device, sign_in_limits::Guess};
use futures_util::future::join_all;
use shared::http::AddressBlock;

const ADA: &str = "ada@example.com";
const COOKIE: &str = "postern-9400";
const DEVICE: &str = "postern-9400-device";

async fn server_with_ada() -> TestServer {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server
}

/// The page without what differs from one load to the next: sealed state, and what was typed.
fn constant_part(answer: &Answer, email: &str) -> String {
    let sealed = form(answer, "sign-in-form").field("form").to_owned();
    answer.body.replace(&sealed, "").replace(email, "")
}

async fn try_password(server: &TestServer, email: &str, password: &str) -> Answer {
    Browser::new(server).sign_in("/sign-in", email, password).await
}

#[tokio::test]
async fn signing_in_sets_two_cookies_and_goes_home() {
    let server = server_with_ada().await;
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in("/sign-in", " ADA@example.COM ", PASSWORD).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("postern-9400=postern_bs_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok()).collect();
    assert_eq!(cookies.len(), 2);
    assert!(cookies[1].starts_with("postern-9400-device=") && !cookies[1].contains(ADA), "{cookies:?}");
    assert!(cookies[1].ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=15552000"), "{cookies:?}");
    let home = browser.follow(&answer).await;
    assert!(home.body.contains(ADA) && home.body.contains("id=\"sign-out-form\""));
    assert_eq!(browser.get("/sign-in").await.header("location"), "/");
}

#[tokio::test]
async fn under_https_the_cookie_is_bound_to_the_host() {
    let server = TestServer::start_with("public_url = \"https://auth.example/t\"").await;
    server.add_member(ADA).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/t/sign-in").await;
    let form = form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
    assert_eq!(form.action, "/t/sign-in");
    let answer = browser.submit_from(&form, &[("origin", "https://auth.example")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/t"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-postern=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"));
    let home = browser.follow(&answer).await;
    assert!(home.body.contains(ADA), "{home:?}");
}

#[tokio::test]
async fn nobody_learns_which_accounts_exist() {
    let server = server_with_ada().await;
    let closed = server.add_member("closed@example.com").await;
    disable_user(&server.app.store, &*server.app.random, &Actor::CommandLine, &closed.id, server.app.clock.now())
        .await
        .expect("disabled");
    let expected = try_password(&server, ADA, "not her password").await;
    assert_eq!(expected.status, 403);
    assert_eq!(expected.header("set-cookie"), "");
    let long = "x".repeat(600);
    for (email, password) in [
        ("nobody@example.com", "not a password"),
        ("closed@example.com", PASSWORD),
        ("closed@example.com", "not a password"),
        ("no address", PASSWORD),
        ("", PASSWORD),
        (ADA, ""),
        (ADA, long.as_str()),
    ] {
        let answer = try_password(&server, email, password).await;
        assert_eq!(answer.status, expected.status, "{email}");
        if !email.is_empty() {
            assert_eq!(constant_part(&answer, email), constant_part(&expected, ADA), "{email}");
        }
        assert_eq!(answer.header("set-cookie"), "", "{email}");
    }
    assert_eq!(server.audited("sign_in_refused").await, 8, "each is written down, whoever was meant");
}

#[tokio::test]
async fn guessing_ends_and_says_the_same_for_accounts_that_do_not_exist() {
    let server = server_with_ada().await;
    let mut limited = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        for _ in 0..10 {
            assert_eq!(try_password(&server, email, "a wrong password").await.status, 403);
        }
        limited.push(try_password(&server, email, PASSWORD).await);
    }
    for (answer, email) in limited.iter().zip([ADA, "nobody@example.com"]) {
        assert_eq!(answer.status, 429, "{email}: even the right password");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=900).contains(&seconds)));
        assert_eq!(constant_part(answer, email), constant_part(&limited[0], ADA));
        assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), ("10", "0"));
        assert!(answer.header("ratelimit-policy").starts_with("\"sign-in\";q=10"), "{answer:?}");
    }
    server.clock.advance(901);
    assert_eq!(try_password(&server, ADA, PASSWORD).await.status, 303);
}

#[tokio::test]
async fn guesses_at_once_are_no_more_than_guesses_one_by_one() {
    let server = server_with_ada().await;
    let answers = join_all((0..64).map(|_| try_password(&server, ADA, "a wrong password"))).await;
    let compared = answers.iter().filter(|answer| answer.status == 403).count();
    assert_eq!(compared, 10);
    assert!(answers.iter().all(|answer| answer.status == 403 || answer.status == 429));
    assert_eq!(server.audited("sign_in_refused").await, 10, "what is not compared is not written down");
}

#[tokio::test]
async fn strangers_lock_nobody_out_of_a_browser_that_is_known() {
    let server = server_with_ada().await;
    server.add_member("eve@example.com").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = ada.get("/").await;
    ada.submit(&form(&page, "sign-out-form")).await;
    let mut eve = Browser::signed_in(&server, "eve@example.com", PASSWORD).await;
    let mut forged = ada.copy();
    forged.cookies.insert(DEVICE.to_owned(), format!("{}x", ada.cookies[DEVICE]));

    for email in [ADA, "nobody@example.com"] {
        guess_from_everywhere(&server, email, None).await;
        let strange = try_password(&server, email, PASSWORD).await;
        assert_eq!((strange.status.as_u16(), strange.header("set-cookie")), (429, ""), "{email}");
        assert_eq!(strange.header("x-ratelimit-limit"), "", "{email}: what others guessed is told to nobody");
    }
    let expected = constant_part(&try_password(&server, ADA, PASSWORD).await, ADA);
    for other in [&mut eve, &mut forged] {
        let page = other.get("/sign-in").await;
        let page = if page.status == 303 { Browser::new(&server).get("/sign-in").await } else { page };
        let answer = other.submit(&form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD)).await;
        assert_eq!((answer.status.as_u16(), constant_part(&answer, ADA)), (429, expected.clone()));
    }
    assert_eq!(ada.sign_in("/sign-in", ADA, PASSWORD).await.status, 303);
}

#[tokio::test]
async fn a_known_browser_guesses_no_more_than_another() {
    let server = server_with_ada().await;
    let ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let known = known_device::find_user(&server.app.store, &server.app.sealing, &ada.cookies[DEVICE], START);
    let known = known.await.expect("an answer").expect("Ada");
    let end = START + known_device::KNOWN_DEVICE_SECONDS;
    let late = known_device::find_user(&server.app.store, &server.app.sealing, &ada.cookies[DEVICE], end);
    assert_eq!(late.await.expect("an answer"), None, "half a year is the end");
    guess_from_everywhere(&server, ADA, Some(&known)).await;
    let mut stolen = Browser::new(&server);
    stolen.cookies.insert(DEVICE.to_owned(), ada.cookies[DEVICE].clone());
    assert_eq!(stolen.sign_in("/sign-in", ADA, PASSWORD).await.status, 429);
    assert_eq!(try_password(&server, ADA, PASSWORD).await.status, 303, "other browsers count apart");
}

/// Wrong guesses from ten address blocks until the limit of the account is used up.
async fn guess_from_everywhere(server: &TestServer, email: &str, known: Option<&User>) {
    for network in 0..10 {
        let block = AddressBlock::of(std::net::Ipv4Addr::new(198, 51, network, 1).into());
        for _ in 0..10 {
            let refused = Guess::of(email, block, known).begin(&server.app.limits).await.expect("counted");
            assert_eq!(refused, None);
        }
    }
}

#[tokio::test]
async fn right_passwords_meet_no_limit() {
    let server = server_with_ada().await;
    for _ in 0..12 {
        assert_eq!(try_password(&server, ADA, PASSWORD).await.status, 303);
    }
}

#[tokio::test]
async fn a_planted_cookie_is_worth_nothing_after_sign_in() {
    let server = server_with_ada().await;
    server.add_member("eve@example.com").await;
    let mut eve = Browser::signed_in(&server, "eve@example.com", PASSWORD).await;
    let planted = eve.cookies[COOKIE].clone();
    let mut victim = Browser::new(&server);
    victim.cookies.insert(COOKIE.to_owned(), planted.clone());
    let sign_in = victim.get(&Ask::of(&server.register_client("C").await).with("prompt", "login").path()).await;
    let answer = victim.submit(&form(&sign_in, "sign-in-form").with("email", ADA).with("password", PASSWORD)).await;
    assert_eq!(answer.status, 303);
    assert_ne!(victim.cookies[COOKIE], planted);
    assert!(!eve.get("/").await.body.contains("Signed in as"), "the planted session ended");

    for made_up in ["", "postern_bs_made_up", &"x".repeat(5000)] {
        let mut browser = Browser::new(&server);
        browser.cookies.insert(COOKIE.to_owned(), made_up.to_owned());
        assert!(!browser.get("/").await.body.contains("Signed in as"));
        let answer = browser.sign_in("/sign-in", ADA, PASSWORD).await;
        assert_eq!(answer.status, 303);
        assert_ne!(browser.cookies[COOKIE], made_up);
    }
}

#[tokio::test]
async fn sign_out_ends_the_session_itself_and_takes_a_token() {
    let server = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut thief = browser.copy();
    let page = browser.get("/").await;
    let sign_out = form(&page, "sign-out-form");
    assert_eq!(browser.submit(&sign_out.clone().without("csrf")).await.status, 403);
    let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(browser.submit_from(&sign_out, &foreign).await.status, 403);
    assert!(thief.get("/").await.body.contains(ADA), "nothing ended yet");
    let answer = browser.submit(&sign_out).await;
    assert!(browser.follow(&answer).await.body.contains("You are signed out"));
    assert!(!browser.cookies.contains_key(COOKIE));
    assert!(!thief.get("/").await.body.contains(ADA), "a copied cookie ends too");
    assert_eq!(browser.submit(&sign_out).await.status, 303, "signing out twice is fine");
    assert_eq!(server.get("/sign-out").await.status, 405);
}

#[tokio::test]
async fn sessions_end_when_idle_and_at_their_end() {
    let server = server_with_ada().await;
    let client = server.register_client("Client").await;
    let mut idle = Browser::signed_in(&server, ADA, PASSWORD).await;
    let lifetimes = server.app.session_lifetimes;
    assert_eq!((lifetimes.idle_seconds, lifetimes.absolute_seconds), (12 * 3600, 7 * 24 * 3600), "as documented");
    server.clock.advance(lifetimes.idle_seconds - 1);
    assert!(idle.get("/").await.body.contains(ADA));
    server.clock.advance(1);
    assert!(!idle.get("/").await.body.contains(ADA), "looking at a page is no use");

    let mut used = Browser::signed_in(&server, ADA, PASSWORD).await;
    let uses = lifetimes.absolute_seconds / lifetimes.idle_seconds;
    for step in 0..uses {
        let page = used.get(&Ask::of(&client).path()).await;
        assert!(page.body.contains("id=\"consent-form\""), "step {step}");
        used.submit(&form(&page, "consent-form").with("decision", "allow")).await;
        server.follow().await;
        server.clock.advance(lifetimes.idle_seconds - 1);
    }
    server.clock.advance(uses);
    assert!(!used.get("/").await.body.contains(ADA), "a week is the end");
}

#[tokio::test]
async fn foreign_forms_sign_nobody_in() {
    let server = server_with_ada().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/sign-in").await;
    let filled = form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
    for headers in [
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "https://evil.example"), ("x-none", "")],
        [("origin", "null"), ("x-none", "")],
        [("origin", "http://localhost:9401"), ("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(browser.submit_from(&filled, &headers).await.status, 403);
    }
    for wrong in ["", "x", filled.field("form").trim_end_matches(|_| true)] {
        assert_eq!(browser.submit(&filled.clone().with("form", wrong)).await.status, 400);
    }
    server.clock.advance(3600);
    let late = browser.submit(&filled).await;
    assert_eq!(late.status, 400);
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn what_was_typed_comes_back_as_text() {
    let server = server_with_ada().await;
    let evil = "\"><script>alert(1)</script>";
    let answer = try_password(&server, evil, "secret words nobody sees").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("<script"));
    assert_eq!(form(&answer, "sign-in-form").field("email"), evil);
    assert!(!answer.body.contains("secret words"), "a password is never sent back");
}
