//! Session fixation: nobody chooses the session in which another person will be, and no session outlives its end because somebody kept the
//! cookie, or put it elsewhere.

use super::forms::{ADA, EVE, FORMS, NEW_PASSWORD, people, reset_path, set_up_path, stage};
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, form},
    visitors::{Ask, PASSWORD, consent_form},
};
use shared::{
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::SystemRandom,
};

const COOKIE: &str = "postern-9400";
const DEVICE: &str = "postern-9400-device";

/// Everything that an attacker could plant: a session of their own, one that ended, one that never was, and rubbish.
async fn planted(server: &TestServer) -> Vec<String> {
    let eve = Browser::signed_in(server, EVE, PASSWORD).await;
    let mut ended = Browser::signed_in(server, EVE, PASSWORD).await;
    let dead = ended.cookies[COOKIE].clone();
    let page = ended.get("/").await;
    ended.submit(&form(&page, "sign-out-form")).await;
    let made_up = OpaqueToken::generate(TokenKind::BrowserSession, &SystemRandom);
    vec![eve.cookies[COOKIE].clone(), dead, made_up.expose().to_owned(), "x".to_owned()]
}

fn with_cookie<'a>(server: &'a TestServer, value: &str) -> Browser<'a> {
    let mut browser = Browser::new(server);
    browser.cookies.insert(COOKIE.to_owned(), value.to_owned());
    browser
}

async fn shows(browser: &Browser<'_>, words: &str) -> bool {
    browser.copy().get("/").await.body.contains(words)
}

/// By each way in, whatever was planted, the session is a new one, and what was planted is worth nothing.
#[tokio::test]
async fn no_planted_cookie_becomes_the_session() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(EVE).await;
    for value in planted(&server).await {
        let page = Browser::new(&server).get("/sign-in").await;
        let mut victim = with_cookie(&server, &value);
        let filled = form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
        assert_eq!(victim.submit(&filled).await.status, 303);
        assert_ne!(victim.cookies[COOKIE], value);
        assert!(shows(&victim, ADA).await);
        let attacker = with_cookie(&server, &value);
        assert!(!shows(&attacker, ADA).await && !shows(&attacker, EVE).await, "{value} is nobody's session now");
        let mut copy = victim.copy();
        let page = copy.get("/change-password").await;
        let change = form(&page, "change-password-form").with("current_password", PASSWORD).with("password", PASSWORD);
        copy.submit(&change).await;
        assert!(shows(&victim, ADA).await, "a change that is none ends nothing");
    }
}

#[tokio::test]
async fn set_up_begins_a_session_of_its_own() {
    let server = TestServer::start().await;
    let made_up = OpaqueToken::generate(TokenKind::BrowserSession, &SystemRandom);
    let mut root = with_cookie(&server, made_up.expose());
    let page = root.get(&set_up_path(&server).await).await;
    let filled = form(&page, "setup-form").with("email", "root@example.com").with("password", PASSWORD);
    assert_eq!(root.submit(&filled).await.status, 303);
    assert_ne!(root.cookies[COOKIE], made_up.expose());
    assert!(shows(&root, "root@example.com").await);
    assert!(!shows(&with_cookie(&server, made_up.expose()), "root@example.com").await);
}

/// Each sign-in makes another cookie, also of who is signed in already, and the one before is dead.
#[tokio::test]
async fn each_sign_in_and_each_new_password_rotates() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let first = browser.copy();
    let again = browser.get(&Ask::of(&client).with("prompt", "login").path()).await;
    let filled = form(&again, "sign-in-form").with("email", ADA).with("password", PASSWORD);
    assert_eq!(browser.submit(&filled).await.status, 303);
    let second = browser.copy();
    let page = browser.get("/change-password").await;
    let change = form(&page, "change-password-form").with("current_password", PASSWORD).with("password", NEW_PASSWORD);
    assert_eq!(browser.submit(&change).await.status, 200);
    let third = browser.copy();
    for (one, other) in [(&first, &second), (&second, &third), (&first, &third)] {
        assert_ne!(one.cookies[COOKIE], other.cookies[COOKIE]);
    }
    assert!(!shows(&first, ADA).await && !shows(&second, ADA).await && shows(&third, ADA).await);
    let page = Browser::new(&server).get(&reset_path(&server, ADA).await).await;
    let chosen = form(&page, "reset-password-form").with("password", PASSWORD);
    assert_eq!(Browser::new(&server).submit(&chosen).await.status, 200);
    assert!(!shows(&third, ADA).await, "nor does a session outlive the password");
}

/// Whoever copied the cookie, and opened forms before, can do nothing after the person left.
#[tokio::test]
async fn what_was_opened_before_signing_out_is_worth_nothing_after() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut thief = ada.copy();
    let consent = consent_form(&mut thief, &Ask::of(&client)).await.with("decision", "allow");
    let page = thief.get("/change-password").await;
    let change = form(&page, "change-password-form").with("current_password", PASSWORD).with("password", NEW_PASSWORD);
    let page = ada.get("/").await;
    ada.submit(&form(&page, "sign-out-form")).await;
    let (rows, cookie) = (server.rows().await, thief.cookies[COOKIE].clone());
    for open in [&consent, &change, &form(&page, "sign-out-form"), &form(&page, "sign-out-everywhere-form")] {
        let answer = thief.submit(open).await;
        thief.cookies.insert(COOKIE.to_owned(), cookie.clone());
        assert_eq!(answer.status, 303, "{}: {answer:?}", open.action);
        assert!(!answer.header("location").contains("code="), "{}", open.action);
        let next = thief.copy().get(answer.header("location")).await;
        assert!(!next.body.contains(ADA), "{}: {next:?}", open.action);
    }
    assert_eq!((server.rows().await, server.grants().await), (rows, 0));
    Browser::signed_in(&server, ADA, PASSWORD).await;
}

/// The right value in any other place is no session.
#[tokio::test]
async fn a_session_is_read_from_its_cookie_alone() {
    for (settings, base, cookie) in
        [("", "", COOKIE), ("public_url = \"https://auth.example/t\"", "/t", "__Host-postern")]
    {
        let server = TestServer::start_with(settings).await;
        server.add_member(ADA).await;
        let ada = Browser::signed_in_below(&server, base, ADA, PASSWORD).await;
        let value = &ada.cookies[cookie];
        let home = if base.is_empty() { "/" } else { base };
        assert!(ada.copy().get(home).await.body.contains(ADA));
        for name in
            ["postern", "__Secure-postern", "__host-postern", "postern-9401", "postern-443", "POSTERN-9400", "x"]
        {
            let mut browser = Browser::new(&server);
            browser.cookies.insert(name.to_owned(), value.clone());
            assert!(!browser.get(home).await.body.contains(ADA), "{name}");
        }
        for query in [format!("{cookie}={value}"), format!("session={value}"), format!("sid={value}")] {
            assert!(!server.get(&format!("{home}?{query}")).await.body.contains(ADA), "{query}");
        }
        for (name, text) in [("authorization", format!("Bearer {value}")), ("x-session", value.clone())] {
            let answer = Browser::new(&server).ask("GET", home, &[(name, &text)]).await;
            assert!(!answer.body.contains(ADA), "{name}");
        }
        assert!(!ada.copy().get(home).await.body.contains(value.as_str()), "and no page says it");
    }
}

/// Attributes of every cookie that an answer sets.
fn assert_flags(answer: &Answer, is_https: bool) -> usize {
    let lines: Vec<&str> =
        answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("visible characters")).collect();
    for line in &lines {
        let (name, _) = line.split_once('=').expect("a name");
        let attributes: Vec<&str> = line.split(';').skip(1).map(str::trim).collect();
        for attribute in ["Path=/", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.contains(&attribute), "{attribute}: {line}");
        }
        assert_eq!(attributes.contains(&"Secure"), is_https, "{line}");
        assert!(!line.to_ascii_lowercase().contains("domain="), "{line}");
        let known = if is_https { ["__Host-postern", "__Host-postern-device"] } else { [COOKIE, DEVICE] };
        assert!(known.contains(&name), "{line}");
        let lives = attributes.iter().any(|attribute| attribute.starts_with("Max-Age=") && *attribute != "Max-Age=0");
        assert_eq!(lives, name.ends_with("-device"), "a session ends with the browser: {line}");
    }
    lines.len()
}

#[tokio::test]
async fn every_cookie_is_bound_to_this_host_and_hidden_from_scripts() {
    for (settings, base) in [("", ""), ("public_url = \"https://auth.example/t\"", "/t")] {
        let is_https = !settings.is_empty();
        let server = TestServer::start_with(settings).await;
        server.add_member(ADA).await;
        for path in auth_server::router::routes(&server.app.settings) {
            let answer = server.get(&path.replace(['{', '}'], "")).await;
            assert_eq!(assert_flags(&answer, is_https), 0, "who is not signed in is given no cookie: {path}");
        }
        let mut browser = Browser::new(&server);
        let entered = browser.sign_in(&format!("{base}/sign-in"), ADA, PASSWORD).await;
        assert_eq!(assert_flags(&entered, is_https), 2);
        let page = browser.get(&format!("{base}/change-password")).await;
        let change =
            form(&page, "change-password-form").with("current_password", PASSWORD).with("password", NEW_PASSWORD);
        assert!(assert_flags(&browser.submit(&change).await, is_https) >= 1);
        let page = browser.get(if is_https { "/t" } else { "/" }).await;
        assert_eq!(assert_flags(&browser.submit(&form(&page, "sign-out-form")).await, is_https), 1);
    }
    let mut cookies = 0;
    for row in FORMS {
        let server = TestServer::start().await;
        people(&server, row).await;
        let mut staged = stage(&server, row, ADA).await;
        cookies += assert_flags(&staged.browser.submit(&staged.form).await, false);
    }
    assert!(cookies >= 9, "{cookies}");
}
