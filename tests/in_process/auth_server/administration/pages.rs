//! Lists by the page, and cursors that were tampered with.

use super::super::{TestServer, browser::Browser, database::for_each_database, visitors::PASSWORD};
use super::resource_servers::document;
use serde_json::{Value, json};
use shared::db::Store;
use std::collections::BTreeSet;

for_each_database!(
    every_item_is_on_exactly_one_page,
    a_list_by_time_is_turned_page_by_page_too,
    each_list_shows_page_by_page_what_it_shows_at_once,
);

async fn every_item_is_on_exactly_one_page(store: &Store) {
    let server = TestServer::administered_on(store.clone()).await;
    for number in 0..7 {
        server.add_user(&format!("user{number}"), &["member"]).await;
    }
    for limit in [1, 3, 8, 200] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.admin_get(&format!("/users?limit={limit}{cursor}")).await.json();
            let items = page["items"].as_array().expect("items");
            assert!(!items.is_empty() && items.len() <= limit, "{page}");
            seen.extend(items.iter().map(|user| user["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            server.clock.advance(1);
        }
        assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (8, 8), "{limit}: {seen:?}");
    }
}

async fn a_list_by_time_is_turned_page_by_page_too(store: &Store) {
    let server = TestServer::administered_on(store.clone()).await;
    for number in 0..5 {
        server.add_user(&format!("user{number}"), &["member"]).await;
        server.admin("POST", &format!("/users/user{number}/disable"), &Value::Null).await;
        server.clock.advance(number % 2);
    }
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    for _ in 0..5 {
        let page = server.admin_get(&format!("/audit?kind=user_disabled&limit=1{cursor}")).await.json();
        seen.insert(page["items"][0]["user_id"].as_str().expect("a user").to_owned());
        cursor = page["next_cursor"].as_str().map_or_else(String::new, |next| format!("&cursor={next}"));
    }
    assert_eq!((seen.len(), cursor.as_str()), (5, ""));
}

/// A server with three of everything that is listed.
async fn with_three_of_each(store: &Store) -> (TestServer, String) {
    let server = TestServer::administered_on(store.clone()).await.and_app().await;
    let mut organization = String::new();
    for (number, slug) in ["a-b", "ab", "b"].into_iter().enumerate() {
        let email = format!("person{number}@example.com");
        let user = server.add_member(&email).await.id;
        Browser::signed_in(&server, &email, PASSWORD).await;
        let new = json!({ "slug": slug, "name": slug, "owner_id": user });
        organization = server.admin("POST", "/organizations", &new).await.text("id");
        assert_eq!(server.admin("POST", "/resource-servers", &document()).await.status, 201);
        server.add_resource(&format!("http://localhost:9500/mcp{number}")).await;
        server.family().await;
    }
    for user in ["ann", "root"] {
        let path = format!("/organizations/{organization}/members/{user}");
        assert_eq!(server.admin("PUT", &path, &json!({ "role": "member" })).await.status, 200);
    }
    (server, organization)
}

async fn each_list_shows_page_by_page_what_it_shows_at_once(store: &Store) {
    let (server, organization) = with_three_of_each(store).await;
    let members = format!("/organizations/{organization}/members");
    let lists =
        ["/users", "/organizations", &members, "/clients", "/resource-servers", "/resources", "/grants", "/sessions"];
    for list in lists.into_iter().chain(["/audit?kind=resource_server_added"]) {
        let join = if list.contains('?') { '&' } else { '?' };
        let at_once = server.admin_get(&format!("{list}{join}limit=200")).await.json();
        let all = at_once["items"].as_array().expect("items");
        assert!(all.len() >= 3 && at_once["next_cursor"].is_null(), "{list}: {at_once}");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        while seen.len() <= all.len() {
            let page = server.admin_get(&format!("{list}{join}limit=1{cursor}")).await.json();
            seen.extend(page["items"].as_array().expect("items").clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(&seen, all, "{list}");
    }
}

#[tokio::test]
async fn limits_and_foreign_cursors_are_refused() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    let cursor = server.admin_get("/users?limit=1").await.text("next_cursor");
    let elsewhere = server.admin_get("/clients?limit=1").await.text("next_cursor");
    for query in [
        "limit=0".to_owned(),
        "limit=201".to_owned(),
        "limit=-1".to_owned(),
        "limit=many".to_owned(),
        "limit=99999999999999999999".to_owned(),
        "limit=1&limit=2".to_owned(),
        format!("cursor={elsewhere}"),
        format!("cursor={cursor}x"),
        format!("cursor={}", &cursor[..cursor.len() - 4]),
        "cursor=%00".to_owned(),
        "cursor=dXNlcnMKbm9ib2R5".to_owned(),
        "nonsense=1".to_owned(),
    ] {
        let refused = server.admin_get(&format!("/users?{query}")).await;
        assert_eq!(refused.refusal(), (400, "invalid_request".to_owned()), "{query}");
    }
    for collection in ["grants", "audit"] {
        let forged = "Z3JhbnRzCm5vdyB4";
        let refused = server.admin_get(&format!("/{collection}?cursor={forged}")).await;
        assert_eq!(refused.status, 400, "{collection}");
    }
}
