//! A signed-in person chooses another password, or signs out everywhere.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    set_up::reset_path,
    visitors::{Ask, PASSWORD},
};
use auth_server::{audit::Actor, users::sign_out_everywhere};

const ADA: &str = "ada@example.com";
const NEW: &str = "seven lamps along the quay";
const COOKIE: &str = "postern-9400";

async fn server_with_ada() -> TestServer {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server
}

/// Loads the page and sends it.
async fn change(browser: &mut Browser<'_>, current: &str, new: &str) -> Answer {
    let page = browser.get("/change-password").await;
    let form = form(&page, "change-password-form").with("current_password", current).with("password", new);
    browser.submit(&form).await
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session_and_gives_this_one_another_cookie() {
    let server = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut elsewhere = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut copied = browser.copy();
    let link = reset_path(&server, &server.user_id(ADA).await).await;
    assert!(browser.get("/").await.body.contains("href=\"/change-password\""), "the home page leads there");
    let answer = change(&mut browser, PASSWORD, NEW).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("Your password is changed"));
    assert_ne!(browser.cookies[COOKIE], copied.cookies[COOKIE]);
    assert!(browser.get("/").await.body.contains(ADA));
    for ended in [&mut elsewhere, &mut copied] {
        assert!(!ended.get("/").await.body.contains(ADA));
    }
    assert_eq!(server.get(&link).await.status, 410, "a link for the old password is void");
    assert_eq!(Browser::new(&server).sign_in("/sign-in", ADA, PASSWORD).await.status, 403);
    Browser::signed_in(&server, ADA, NEW).await;
    assert_eq!(server.audited("password_changed").await, 1);
}

#[tokio::test]
async fn consents_are_asked_for_again_after_a_change() {
    let server = server_with_ada().await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    let allow = form(&page, "consent-form").with("decision", "allow").with("remember", "yes");
    assert_eq!(browser.submit(&allow).await.status, 303);
    assert_eq!(browser.get(&Ask::of(&client).path()).await.status, 303, "remembered");
    change(&mut browser, PASSWORD, NEW).await;
    assert_eq!(browser.get(&Ask::of(&client).path()).await.status, 200, "whoever knew the old one may have ticked it");
}

#[tokio::test]
async fn it_takes_the_current_password_and_a_usable_new_one() {
    let server = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let before = browser.cookies.clone();
    for (current, new, status, words) in [
        ("not my password", NEW, 403, "not your current password"),
        ("", NEW, 403, "not your current password"),
        (&"x".repeat(600), NEW, 403, "not your current password"),
        (PASSWORD, "short", 422, "at least 15 characters"),
        (PASSWORD, "password12345678", 422, "first passwords anybody would try"),
        (PASSWORD, "ada@example.com ada", 422, "the name or the e-mail address"),
        (PASSWORD, PASSWORD, 422, "the password you have"),
    ] {
        let answer = change(&mut browser, current, new).await;
        assert_eq!(answer.status, status, "{new}");
        assert!(answer.body.contains(words), "{new}: {answer:?}");
        assert!(current.is_empty() || !answer.body.contains(current), "a password is never sent back");
        assert!(!answer.body.contains(new), "a password is never sent back");
    }
    assert_eq!(browser.cookies, before);
    assert_eq!(server.audited("password_change_refused").await, 3);
    assert_eq!(server.audited("password_changed").await, 0);
    Browser::signed_in(&server, ADA, PASSWORD).await;
}

#[tokio::test]
async fn guessing_with_a_stolen_session_ends_and_locks_nobody_out() {
    let server = server_with_ada().await;
    let mut thief = Browser::signed_in(&server, ADA, PASSWORD).await;
    for guess in 0..10 {
        assert_eq!(change(&mut thief, &format!("guess number {guess}"), NEW).await.status, 403);
    }
    let answer = change(&mut thief, PASSWORD, NEW).await;
    assert_eq!(answer.status, 429, "even the right one");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=900).contains(&seconds)));
    assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), ("10", "0"));
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    assert_eq!(change(&mut ada, PASSWORD, NEW).await.status, 429, "counted for the account");
    server.clock.advance(900);
    assert_eq!(change(&mut ada, PASSWORD, NEW).await.status, 200);
    assert!(!thief.get("/").await.body.contains(ADA));
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_sign_in() {
    let server = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get("/change-password").await;
    let form = form(&page, "change-password-form").with("current_password", PASSWORD).with("password", NEW);
    server.clock.advance(server.app.session_lifetimes.idle_seconds);
    for answer in [browser.submit(&form).await, browser.get("/change-password").await] {
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/sign-in"));
    }
    assert_eq!(server.audited("password_changed").await, 0);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_own_sessions_and_nobody_elses() {
    let server = server_with_ada().await;
    server.add_member("eve@example.com").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut elsewhere = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut eve = Browser::signed_in(&server, "eve@example.com", PASSWORD).await;
    let page = browser.get("/").await;
    let answer = browser.submit(&form(&page, "sign-out-everywhere-form")).await;
    assert!(browser.follow(&answer).await.body.contains("You are signed out"));
    assert!(!browser.cookies.contains_key(COOKIE));
    assert!(!elsewhere.get("/").await.body.contains(ADA));
    assert!(eve.get("/").await.body.contains("eve@example.com"));
    assert_eq!(server.audited("sessions_ended").await, 1);

    // By command.
    let app = &server.app;
    let id = server.user_id("eve@example.com").await;
    let ended = sign_out_everywhere(&app.store, &*app.random, &Actor::CommandLine, &id, app.clock.now()).await;
    assert_eq!(ended.expect("ended"), 1);
    assert!(!eve.get("/").await.body.contains("eve@example.com"));
}

#[tokio::test]
async fn lifetimes_of_sessions_are_settings() {
    let settings = "session_idle_lifetime = \"10m\"\nsession_absolute_lifetime = \"15m\"";
    let server = TestServer::start_with(settings).await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    server.clock.advance(599);
    let page = browser.get(&Ask::of(&client).path()).await;
    browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
    server.clock.advance(300);
    assert!(browser.get("/").await.body.contains(ADA), "used ten minutes ago");
    server.clock.advance(1);
    assert!(!browser.get("/").await.body.contains(ADA), "a quarter of an hour is the end");
}
