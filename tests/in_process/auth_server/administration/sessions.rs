//! `/api/admin/sessions`.

use super::super::{TestServer, browser::Browser, visitors::PASSWORD};
use serde_json::{Value, json};

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/").await.body.contains("sign-out")
}

#[tokio::test]
async fn a_browser_is_signed_out_by_a_public_id() {
    let server = TestServer::administered().await;
    let ada = server.add_member("ada@example.com").await;
    let mut first = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    let mut second = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    let listed = server.admin_get(&format!("/sessions?user_id={}", ada.id)).await;
    let items = listed.json()["items"].as_array().expect("items").clone();
    assert_eq!(items.len(), 2, "{listed:?}");
    assert!(!listed.body.contains("hash"));
    assert!(is_signed_in(&mut first).await && is_signed_in(&mut second).await);
    let id = items[0]["id"].as_str().expect("an id");
    assert!(first.cookies.values().chain(second.cookies.values()).all(|cookie| !cookie.contains(id)));
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", &format!("/sessions/{id}"), &Value::Null).await.status, 204);
    }
    assert_ne!(is_signed_in(&mut first).await, is_signed_in(&mut second).await, "one of them");
    assert!(server.admin_get(&format!("/sessions/{id}")).await.json()["ended_at"].is_i64());
    assert_eq!(server.audited("session_ended").await, 1);
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", &format!("/users/{}/sessions", ada.id), &Value::Null).await.status, 204);
    }
    assert!(!is_signed_in(&mut first).await && !is_signed_in(&mut second).await);
    assert_eq!(server.admin_get("/sessions").await.json()["items"], json!([]));
    assert_eq!((server.audited("session_ended").await, server.audited("sessions_ended").await), (1, 1));
}
