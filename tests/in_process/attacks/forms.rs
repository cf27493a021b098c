//! Every form by which a browser changes something here, filled rightly, for those who would send it wrongly.

use crate::auth_server::{
    TestServer,
    browser::{Browser, Form, form},
    sign_on::{allow, redeem},
    step_up::granted,
    visitors::{Ask, PASSWORD, consent_form},
};
use auth_server::{
    audit::Actor,
    users::{reset_password, set_up},
};

pub const ADA: &str = "ada@example.com";
pub const EVE: &str = "eve@example.com";
pub const NEW_PASSWORD: &str = "seven lamps along the quay";

/// What a form is locked with, beside the check of where it was sent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// A token of the session.
    Token,
    /// State that was sealed for this form: there is no session yet.
    Sealed,
    /// The secret link that it is sent to.
    Link,
}

/// One form: its path as the router has it, its lock, and the status of an honest answer.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub path: &'static str,
    pub lock: Lock,
    pub done: u16,
}

const fn row(path: &'static str, lock: Lock, done: u16) -> Row {
    Row { path, lock, done }
}

/// All of them. A route that takes a form and has no row makes `csrf` fail.
pub const FORMS: [Row; 12] = [
    row("/sign-in", Lock::Sealed, 303),
    row("/sign-out", Lock::Token, 303),
    row("/sign-out/everywhere", Lock::Token, 303),
    row("/change-password", Lock::Token, 200),
    row("/grants/end", Lock::Token, 303),
    row("/clients/end", Lock::Token, 303),
    row("/sessions/end", Lock::Token, 303),
    row("/oauth2/consent", Lock::Token, 303),
    row("/step-up", Lock::Token, 200),
    row("/oauth2/end-session/confirm", Lock::Token, 303),
    row("/set-up/{link}", Lock::Link, 303),
    row("/reset-password/{link}", Lock::Link, 200),
];

/// Somebody's browser, and the form of a row as it stands in it, filled.
pub struct Stage<'a> {
    pub browser: Browser<'a>,
    pub form: Form,
}

/// The people of a row: Ada and Eve, or nobody yet.
pub async fn people(server: &TestServer, row: Row) {
    if row.path != "/set-up/{link}" {
        server.add_member(ADA).await;
        server.add_member(EVE).await;
    }
}

/// The form of `row` in a browser where `email` is signed in, if anybody can be.
pub async fn stage<'a>(server: &'a TestServer, row: Row, email: &str) -> Stage<'a> {
    if row.path == "/set-up/{link}" {
        let mut browser = Browser::new(server);
        let page = browser.get(&set_up_path(server).await).await;
        let form = form(&page, "setup-form").with("email", "root@example.com").with("password", PASSWORD);
        return Stage { browser, form };
    }
    let mut browser = Browser::signed_in(server, email, PASSWORD).await;
    let form = match row.path {
        "/sign-in" => {
            let page = Browser::new(server).get("/sign-in").await;
            form(&page, "sign-in-form").with("email", EVE).with("password", PASSWORD)
        }
        "/sign-out" => form(&browser.get("/").await, "sign-out-form"),
        "/sign-out/everywhere" => form(&browser.get("/").await, "sign-out-everywhere-form"),
        "/grants/end" => {
            let client = server.register_client("Client").await;
            let code = allow(&mut browser, &Ask::of(&client)).await;
            redeem(server, &client, &code).await;
            form(&browser.get("/").await, "end-grant-1-1-1-form")
        }
        "/clients/end" => {
            let client = server.register_client("Client").await;
            for _ in 0..2 {
                let code = allow(&mut browser, &Ask::of(&client)).await;
                redeem(server, &client, &code).await;
            }
            form(&browser.get("/").await, "end-client-1-form")
        }
        "/sessions/end" => {
            Browser::signed_in(server, email, PASSWORD).await;
            form(&browser.get("/").await, "end-session-2-form")
        }
        "/change-password" => form(&browser.get("/change-password").await, "change-password-form")
            .with("current_password", PASSWORD)
            .with("password", NEW_PASSWORD),
        "/oauth2/consent" => {
            let client = server.register_client("Client").await;
            consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow")
        }
        "/step-up" => {
            let link = granted(server, &mut browser).await.link("mcp.write");
            form(&browser.get(&link).await, "step-up-form").with("decision", "allow")
        }
        "/oauth2/end-session/confirm" => {
            form(&browser.get("/oauth2/end-session").await, "end-session-form").with("decision", "sign-out")
        }
        "/reset-password/{link}" => {
            let page = browser.get(&reset_path(server, email).await).await;
            form(&page, "reset-password-form").with("password", NEW_PASSWORD)
        }
        other => panic!("no form is known at {other}"),
    };
    Stage { browser, form }
}

/// A live set-up link.
pub async fn set_up_path(server: &TestServer) -> String {
    let app = &server.app;
    let link = set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("an answer").expect("a link");
    below(server, set_up::link_url(&app.issuer, &link).expose())
}

/// A live link on which this person chooses a password.
pub async fn reset_path(server: &TestServer, email: &str) -> String {
    let (app, id) = (&server.app, server.user_id(email).await);
    let link = reset_password::fresh_link(&app.store, &*app.random, &Actor::CommandLine, &id, app.clock.now()).await;
    below(server, reset_password::link_url(&app.issuer, &link.expect("an answer").expect("a link")).expose())
}

fn below(server: &TestServer, url: &str) -> String {
    url.strip_prefix(&server.app.issuer).expect("our own").to_owned()
}
