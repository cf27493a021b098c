//! `organization …`, and what `user …` says of roles.

use super::{cli::Installation, test_server::START};
use auth_server::{
    app::App,
    store::organization_member,
    users::{NewUser, User, add_user},
};
use serde_json::{Value, json};
use shared::{random::SystemRandom, secret::Secret};

async fn add(app: &App, email: &str, is_administrator: bool) -> User {
    let password = Secret::new("a lamp beside seven turnips");
    // Who has no password does not count as an administrator.
    let password = is_administrator.then_some(&password);
    let new = NewUser { email, display_name: "", password, is_administrator };
    let by = &auth_server::audit::Actor::CommandLine;
    add_user(&app.store, &app.passwords, &SystemRandom, by, &new, START).await.expect("added")
}

async fn refused(installation: &Installation, arguments: &[&str], word: &str) {
    let error = installation.run(arguments).await.expect_err("refused");
    assert!(error.contains(word) && error.lines().count() == 1, "{arguments:?}: {error}");
}

#[tokio::test]
async fn an_organization_is_made_shown_closed_and_opened() {
    let installation = Installation::new();
    let app = installation.app().await;
    add(&app, "ada@example.com", false).await;
    let made = installation
        .json(&["organization", "add", "acme", "--name", "Acme Inc.", "--owner", "ada@example.com", "--tenant", "t-7"])
        .await;
    assert_eq!(
        (&made["slug"], &made["name"], &made["tenant_id"]),
        (&json!("acme"), &json!("Acme Inc."), &json!("t-7"))
    );
    let listed = installation.run(&["organization", "list"]).await.expect("listed");
    assert!(listed.contains("acme") && listed.contains("Acme Inc.") && listed.contains("active"), "{listed}");
    let shown = installation.json(&["organization", "show", "acme"]).await;
    assert_eq!((&shown["id"], &shown["state"]), (&made["id"], &json!("active")));
    assert_eq!(
        (&shown["members"][0]["email"], &shown["members"][0]["role"]),
        (&json!("ada@example.com"), &json!("owner"))
    );
    let text = installation.run(&["organization", "show", "acme"]).await.expect("shown");
    assert!(text.contains("ada@example.com") && text.contains("owner"), "{text}");
    installation.run(&["organization", "disable", "acme"]).await.expect("disabled");
    assert_eq!(installation.json(&["organization", "disable", "acme"]).await["state"], "disabled", "again");
    assert_eq!(installation.json(&["organization", "list"]).await["items"][0]["state"], "disabled");
    installation.run(&["organization", "enable", "acme"]).await.expect("enabled");
    assert_eq!(installation.json(&["organization", "enable", "acme"]).await["state"], "active", "again");
    let renamed = installation.json(&["organization", "rename", "acme", "--name", "Acme Holding"]).await;
    assert_eq!((&renamed["name"], &renamed["id"]), (&json!("Acme Holding"), &made["id"]));
    for (arguments, word) in [
        (&["organization", "rename", "acme", "--name", " "][..], "name is"),
        (&["organization", "add", "acme", "--name", "A", "--owner", "ada@example.com"], "slug already"),
        (&["organization", "add", "Not A Slug", "--name", "A", "--owner", "ada@example.com"], "slug has"),
        (&["organization", "add", "b", "--name", " ", "--owner", "ada@example.com"], "name is"),
        (&["organization", "add", "b", "--name", "B", "--owner", "ada@example.com", "--tenant", "a b"], "tenant id"),
        (&["organization", "add", "b", "--name", "B", "--owner", "nobody@example.com"], "nobody@example.com"),
        (&["organization", "show", "nothing"], "nothing"),
    ] {
        refused(&installation, arguments, word).await;
    }
}

#[tokio::test]
async fn members_come_change_and_go() {
    let installation = Installation::new();
    let app = installation.app().await;
    add(&app, "ada@example.com", false).await;
    let grace = add(&app, "grace@example.com", false).await;
    installation.json(&["organization", "add", "acme", "--name", "Acme", "--owner", "ada@example.com"]).await;
    let member = |words: &[&'static str]| [&["organization", "member"], words].concat();
    let added = installation.json(&member(&["add", "acme", "GRACE@example.com"])).await;
    assert_eq!(added["role"], "member");
    refused(&installation, &member(&["add", "acme", "grace@example.com"]), "already").await;
    installation.run(&member(&["role", "acme", "grace@example.com", "admin"])).await.expect("promoted");
    let of_grace = organization_member::list_of_user(&mut app.store.read(), &grace.id).await.expect("read");
    assert_eq!(of_grace[0].role.as_str(), "admin");
    refused(&installation, &member(&["role", "acme", "ada@example.com", "member"]), "last owner").await;
    refused(&installation, &member(&["remove", "acme", "ada@example.com"]), "last owner").await;
    installation.run(&member(&["remove", "acme", "grace@example.com"])).await.expect("removed");
    installation.run(&member(&["remove", "acme", "grace@example.com"])).await.expect("again");
    refused(&installation, &member(&["role", "acme", "grace@example.com", "admin"]), "does not belong").await;
    let listed = installation.json(&member(&["list", "acme"])).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert!(installation.run(&member(&["role", "acme", "ada@example.com", "king"])).await.is_err());
}

#[tokio::test]
async fn who_administers_is_said_by_command_and_the_last_one_stays() {
    let installation = Installation::new();
    let app = installation.app().await;
    add(&app, "root@example.com", true).await;
    add(&app, "ada@example.com", false).await;
    let role = |email: &'static str, switch: &'static str| ["user", "role", email, "--administrator", switch];
    refused(&installation, &role("root@example.com", "off"), "last account that administers").await;
    refused(&installation, &["user", "disable", "root@example.com"], "last account that administers").await;
    assert_eq!(installation.json(&role("ada@example.com", "on")).await["roles"], json!(["administrator", "member"]));
    refused(&installation, &role("root@example.com", "off"), "last account that administers").await;
    add(&app, "eve@example.com", true).await;
    assert_eq!(installation.json(&role("root@example.com", "off")).await["roles"], json!(["member"]));
    installation.run(&["user", "disable", "root@example.com"]).await.expect("disabled");
    assert_eq!(installation.json(&["user", "disable", "root@example.com"]).await["state"], "disabled", "again");
    installation.run(&["user", "enable", "root@example.com"]).await.expect("enabled");
    assert_eq!(installation.json(&["user", "enable", "root@example.com"]).await["state"], "active", "again");
    let users: Value = installation.json(&["user", "list"]).await;
    let root = users["items"].as_array().expect("users").iter().find(|user| user["email"] == "root@example.com");
    assert_eq!(root.expect("root")["state"], "active");
    let invited = installation.json(&["user", "add", "grace@example.com", "--link"]).await;
    assert_eq!((&invited["state"], &invited["has_password"]), (&json!("active"), &json!(false)));
    assert!(invited["password_link"].as_str().is_some_and(|link| link.contains("/reset-password/postern_ol_")));
    refused(&installation, &["user", "add", "grace@example.com", "--link"], "").await;
    // An organization that does not exist is told before a password is asked for.
    let add = ["user", "add", "new@example.com", "--organization", "nothing", "--password-stdin"];
    refused(&installation, &add, "nothing").await;
    assert!(installation.run(&["user", "add", "new@example.com", "--role", "owner"]).await.is_err(), "a role of what?");
}
