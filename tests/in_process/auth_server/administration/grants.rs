//! `/api/admin/grants`.

use super::super::{TestServer, given::public_client};
use serde_json::{Value, json};

#[tokio::test]
async fn a_grant_is_found_by_whom_it_concerns_and_ended() {
    let server = TestServer::administered().await.and_app().await;
    let refresh = server.family().await;
    server.add_client(&public_client("other")).await;
    let listed = server.admin_get("/grants").await.json();
    let grant = &listed["items"][0];
    assert_eq!(
        (&grant["user_id"], &grant["client_id"], &grant["user_email"]),
        (&json!("ann"), &json!("app"), &json!("ann@example.com"))
    );
    assert!(listed["items"].as_array().expect("items").len() == 1 && listed.get("next_cursor").is_none());
    for (query, count) in
        [("user_id=ann", 1), ("user_id=root", 0), ("client_id=app", 1), ("client_id=other", 0), ("resource=x", 0)]
    {
        let items =
            server.admin_get(&format!("/grants?{query}")).await.json()["items"].as_array().expect("items").len();
        assert_eq!(items, count, "{query}");
    }
    let path = format!("/grants/{}", grant["id"].as_str().expect("an id"));
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 204);
    }
    assert_eq!(server.refresh(&refresh).await.refusal(), (400, "invalid_grant".to_owned()));
    let shown = server.admin_get(&path).await.json();
    assert_eq!(shown["revocation_reason"], "administrator", "{shown}");
    assert_eq!(server.admin_get("/grants").await.json()["items"], json!([]));
    assert_eq!((server.audited("grant_revoked").await, server.revoked_grants().await), (1, 1));
}

#[tokio::test]
async fn everything_that_a_user_allowed_a_client_ends_by_one_call() {
    let server = TestServer::administered().await.and_app().await;
    let families = [server.family().await, server.family().await];
    for (user, client, status) in [("root", "app", 204), ("ann", "nobody", 404), ("nobody", "app", 404)] {
        let answer = server.admin("DELETE", &format!("/users/{user}/clients/{client}"), &Value::Null).await;
        assert_eq!(answer.status, status, "{user} {client}");
    }
    assert_eq!(server.audited("grant_revoked").await, 0, "what others allowed stands");
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", "/users/ann/clients/app", &Value::Null).await.status, 204);
        assert_eq!((server.audited("grant_revoked").await, server.revoked_grants().await), (2, 2));
    }
    for refresh in &families {
        assert_eq!(server.refresh(refresh).await.refusal(), (400, "invalid_grant".to_owned()));
    }
    let event = &server.admin_get("/audit?kind=grant_revoked").await.json()["items"][0];
    assert_eq!((&event["actor"], &event["user_id"]), (&json!("client ops"), &json!("ann")));
}

#[tokio::test]
async fn neither_code_nor_challenge_is_shown() {
    let server = TestServer::administered().await.and_app().await;
    server.family().await;
    let listed = server.admin_get("/grants").await.body;
    for word in ["code", "challenge", "nonce", "hash", "refresh"] {
        assert!(!listed.contains(word), "{word}: {listed}");
    }
}
