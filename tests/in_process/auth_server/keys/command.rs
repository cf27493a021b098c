//! `keys list`, `rotate`, `revoke`, `replace-key-encryption-key`, beside a server that runs on the same database.

use crate::auth_server::{ManualClock, cli::Installation};
use auth_server::change_log::follower::catch_up;
use serde_json::Value;
use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

fn of<'a>(listed: &'a Value, algorithm: &str, state: &str) -> Vec<&'a Value> {
    let lines = listed["items"].as_array().expect("a list").iter();
    lines.filter(|line| line["algorithm"] == algorithm && line["state"] == state).collect()
}

#[tokio::test]
async fn rotate_prepares_and_then_activates() {
    let clock = Arc::new(ManualClock::at(crate::auth_server::test_server::START));
    let installation = Installation::with_clock(clock.clone());
    let app = installation.app().await;
    let before = installation.json(&["keys", "list"]).await;
    assert_eq!(before["items"].as_array().expect("a list").len(), 3, "{before}");
    assert_eq!(of(&before, "ES256", "active").len(), 1);
    let rotated = installation.json(&["keys", "rotate"]).await;
    assert_eq!(rotated["items"].as_array().expect("both").len(), 2);
    assert_eq!((&rotated["items"][0]["algorithm"], &rotated["items"][0]["state"]), (&"ES256".into(), &"next".into()));
    catch_up(&app).await.expect("followed");
    assert_eq!(app.keys.jwks().keys().len(), 4);
    clock.advance(40);
    let now = installation.json(&["keys", "rotate", "--now", "--algorithm", "ES256"]).await;
    assert_eq!((&now["items"][0]["state"], &now["items"][0]["kid"]), (&"active".into(), &rotated["items"][0]["kid"]));
    let listed = installation.json(&["keys", "list"]).await;
    assert_eq!((of(&listed, "ES256", "retired").len(), of(&listed, "RS256", "next").len()), (1, 1));
    let text = installation.run(&["keys", "list"]).await.expect("done");
    assert!(text.contains("2027-") && text.contains("retired"), "{text}");
    installation.run(&["keys", "rotate", "--algorithm", "HS256"]).await.expect_err("no such algorithm");
}

#[tokio::test]
async fn revoke_replaces_the_key_at_once() {
    let installation = Installation::new();
    let app = installation.app().await;
    let listed = installation.json(&["keys", "list"]).await;
    let kid = of(&listed, "ES256", "active")[0]["kid"].as_str().expect("a kid").to_owned();
    let revoked = installation.json(&["keys", "revoke", &kid]).await;
    catch_up(&app).await.expect("followed");
    let published = serde_json::to_string(&app.keys.jwks()).expect("a set");
    assert!(!published.contains(&kid) && app.keys.can_sign());
    assert!(published.contains(revoked["replaced_by"].as_str().expect("a kid")));
    let refused = installation.run(&["keys", "revoke", &kid]).await.expect_err("it is gone");
    assert!(refused.contains("keys list"), "{refused}");
    installation.run(&["keys", "revoke", "-begins-with-a-hyphen"]).await.expect_err("a kid may begin so");
}

#[tokio::test]
async fn the_key_encryption_key_is_replaced_by_command() {
    let installation = Installation::new();
    let jwks = installation.app().await.keys.jwks();
    let file = installation.data_file("key-encryption-key");
    let old = std::fs::read_to_string(&file).expect("the file");
    let new = installation.run(&["keys", "make-key-encryption-key"]).await.expect("a key");
    let write = |text: &str| {
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("private");
    };
    write(&new);
    let refused = installation.run(&["keys", "replace-key-encryption-key"]).await.expect_err("the old one is missing");
    assert!(refused.contains(old.split(':').next().expect("an id")), "{refused}");
    write(&format!("{new}{old}"));
    let text = installation.run(&["keys", "replace-key-encryption-key"]).await.expect("done");
    assert!(text.contains("signing_key: 2 rows") && text.contains("can go"), "{text}");
    let again = installation.json(&["keys", "replace-key-encryption-key"]).await;
    assert_eq!(again["resealed"][0]["rows"], 0, "{again}");
    assert_eq!(again["no_longer_needed"][0].as_str(), old.split(':').next());
    write(&new);
    assert_eq!(installation.app().await.keys.jwks(), jwks, "the same keys, without the old key-encryption key");
}
