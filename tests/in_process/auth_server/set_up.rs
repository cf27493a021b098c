//! The first administrator, and passwords chosen through links.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    visitors::PASSWORD,
};
use auth_server::{
    audit::Actor,
    store::user_account,
    users::{Email, NewUser, add_user, disable_user, reset_password, set_up},
};
use shared::db::Statement;

const NEW_PASSWORD: &str = "seven pickled walnuts";

async fn set_up_path(server: &TestServer) -> String {
    let app = &server.app;
    let link = set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("an answer").expect("a link");
    path_of(set_up::link_url(&app.issuer, &link).expose())
}

/// A link on which this user chooses a password.
pub async fn reset_path(server: &TestServer, user_id: &str) -> String {
    let app = &server.app;
    let link =
        reset_password::fresh_link(&app.store, &*app.random, &Actor::CommandLine, user_id, app.clock.now()).await;
    path_of(reset_password::link_url(&app.issuer, &link.expect("an answer").expect("a link")).expose())
}

fn path_of(url: &str) -> String {
    url.strip_prefix("http://localhost:9400").expect("our own").to_owned()
}

async fn complete(browser: &mut Browser<'_>, path: &str, email: &str) -> Answer {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{page:?}");
    let filled = form(&page, "setup-form").with("email", email).with("display_name", "Root").with("password", PASSWORD);
    browser.submit(&filled).await
}

async fn administrators(server: &TestServer) -> i64 {
    const COUNT: Statement = Statement::new(
        "test.administrators",
        "SELECT count(*) AS n FROM user_account WHERE roles LIKE '%administrator%'",
    );
    server.number(&COUNT).await
}

#[tokio::test]
async fn the_link_makes_one_administrator_and_closes_for_good() {
    let server = TestServer::start().await;
    assert!(server.get("/").await.body.contains("Not set up yet"));
    let path = set_up_path(&server).await;
    let rows = server.rows().await;
    for _ in 0..3 {
        let page = server.get(&path).await;
        assert_eq!((page.status.as_u16(), page.header("referrer-policy")), (200, "no-referrer"));
    }
    assert_eq!(server.rows().await, rows, "looking consumes nothing");
    let mut browser = Browser::new(&server);
    let answer = complete(&mut browser, &path, "root@example.com").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    assert!(browser.follow(&answer).await.body.contains("root@example.com"), "and is signed in");
    let email = Email::parse("root@example.com").expect("an address");
    let account = user_account::find_by_email(&mut server.app.store.read(), &email).await.expect("an answer");
    assert_eq!(account.expect("an account").user.roles, ["administrator", "member"]);

    let again = server.get(&path).await;
    assert_eq!(again.status, 410);
    assert!(again.body.contains("does not work any more"));
    let app = &server.app;
    assert!(set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("an answer").is_none());
    assert!(!server.get("/").await.body.contains("Not set up yet"));
}

#[tokio::test]
async fn only_one_of_several_wins() {
    let server = TestServer::start().await;
    let (older, path) = (set_up_path(&server).await, set_up_path(&server).await);
    assert_eq!(server.get(&older).await.status, 410, "a newer link replaces an older one");
    let mut forms = Vec::new();
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        let page = server.get(&path).await;
        forms.push(form(&page, "setup-form").with("email", email).with("password", PASSWORD));
    }
    let (mut a, mut b, mut c) = (Browser::new(&server), Browser::new(&server), Browser::new(&server));
    let answers = futures_util::future::join3(a.submit(&forms[0]), b.submit(&forms[1]), c.submit(&forms[2])).await;
    let statuses = [answers.0, answers.1, answers.2].map(|answer| answer.status.as_u16());
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 410).count(), 2, "{statuses:?}");
    assert_eq!(administrators(&server).await, 1);
}

#[tokio::test]
async fn a_closed_administrator_does_not_open_the_set_up_again() {
    let server = TestServer::start().await;
    let path = set_up_path(&server).await;
    let root = server.add_administrator("root@example.com").await;
    assert_eq!(server.get(&path).await.status, 410, "made by a command meanwhile");
    server.add_administrator("second@example.com").await;
    let app = &server.app;
    disable_user(&app.store, &*app.random, &Actor::CommandLine, &root.id, app.clock.now()).await.expect("disabled");
    assert!(set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("an answer").is_none());
}

#[tokio::test]
async fn old_made_up_and_foreign_links_do_not_work() {
    let server = TestServer::start().await;
    let path = set_up_path(&server).await;
    let member = server.add_member("ada@example.com").await;
    let reset = reset_path(&server, &member.id).await.replace("/reset-password/", "/set-up/");
    let crossed = path.replace("/set-up/", "/reset-password/");
    for wrong in ["/set-up/x", "/set-up/postern_ol_x", &reset, &crossed, "/reset-password/%22%3E%3Cscript%3E"] {
        let answer = server.get(wrong).await;
        assert_eq!(answer.status, 410, "{wrong}");
        assert!(!answer.body.contains("<script"));
    }
    let mut browser = Browser::new(&server);
    let page = browser.get(&path).await;
    server.clock.advance(set_up::SET_UP_LINK_SECONDS);
    assert_eq!(browser.get(&path).await.status, 410);
    let late = form(&page, "setup-form").with("email", "root@example.com").with("password", PASSWORD);
    assert_eq!(browser.submit(&late).await.status, 410);
    assert_eq!(administrators(&server).await, 0);
}

#[tokio::test]
async fn mistakes_are_named_at_their_fields_and_cost_nothing() {
    let server = TestServer::start().await;
    let path = set_up_path(&server).await;
    let mut browser = Browser::new(&server);
    let page = browser.get(&path).await;
    let empty = form(&page, "setup-form");
    let wrong = browser.submit(&empty.clone().with("email", "root").with("password", "short")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("href=\"#email\"") && wrong.body.contains("id=\"email-problem\""));
    assert!(wrong.body.contains("aria-describedby=\"email-hint email-problem\""));
    for (password, words) in [
        ("short", "at least 15 characters"),
        ("Password12345678", "first passwords anybody would try"),
        ("root@example.com!", "not made of the name or the e-mail address"),
        (&"long ".repeat(30), "at most 128"),
    ] {
        let answer = browser.submit(&empty.clone().with("email", "root@example.com").with("password", password)).await;
        assert_eq!(answer.status, 422, "{password}");
        assert!(answer.body.contains(words) && answer.body.contains("href=\"#password\""), "{password}");
        assert!(!answer.body.contains(&format!("value=\"{password}\"")));
    }
    let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let filled = empty.with("email", "root@example.com").with("password", PASSWORD);
    assert_eq!(browser.submit_from(&filled, &foreign).await.status, 403);
    assert_eq!(browser.submit(&filled).await.status, 303, "the link still works");
}

#[tokio::test]
async fn a_password_link_replaces_the_password_and_ends_sessions() {
    let server = TestServer::start().await;
    let ada = server.add_member("ada@example.com").await;
    let mut old = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    let older_link = reset_path(&server, &ada.id).await;
    let path = reset_path(&server, &ada.id).await;
    assert_eq!(server.get(&older_link).await.status, 410, "a newer link replaces an older one");
    let mut browser = Browser::new(&server);
    let page = browser.get(&path).await;
    assert!(page.body.contains("ada@example.com"));
    let empty = form(&page, "reset-password-form");
    assert_eq!(browser.submit(&empty.clone().with("password", "short")).await.status, 422);
    assert_eq!(browser.submit(&empty.clone().with("password", NEW_PASSWORD)).await.status, 200);
    assert!(!old.get("/").await.body.contains("ada@example.com"), "signed out everywhere");
    assert_eq!(browser.submit(&empty.with("password", "another good one here")).await.status, 410);
    assert_eq!(server.get(&path).await.status, 410);
    assert_eq!(Browser::new(&server).sign_in("/sign-in", "ada@example.com", PASSWORD).await.status, 403);
    Browser::signed_in(&server, "ada@example.com", NEW_PASSWORD).await;
}

#[tokio::test]
async fn an_account_without_a_password_waits_for_its_link() {
    let server = TestServer::start().await;
    let app = &server.app;
    let new = NewUser { email: "new@example.com", display_name: "New", password: None, is_administrator: false };
    let user = add_user(&app.store, &app.passwords, &*app.random, &Actor::CommandLine, &new, app.clock.now())
        .await
        .expect("added");
    assert!(
        add_user(&app.store, &app.passwords, &*app.random, &Actor::CommandLine, &new, app.clock.now()).await.is_err(),
        "taken"
    );
    assert_eq!(Browser::new(&server).sign_in("/sign-in", "new@example.com", "").await.status, 403);
    let path = reset_path(&server, &user.id).await;
    let mut browser = Browser::new(&server);
    let page = browser.get(&path).await;
    let filled = form(&page, "reset-password-form").with("password", NEW_PASSWORD);
    disable_user(&app.store, &*app.random, &Actor::CommandLine, &user.id, app.clock.now()).await.expect("disabled");
    assert_eq!(browser.submit(&filled).await.status, 410, "links of a closed account are void");
}
