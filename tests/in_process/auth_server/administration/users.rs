//! `/api/admin/users`.

use super::super::{TestServer, browser::Browser, visitors::PASSWORD};
use super::given::CONSOLE;
use serde_json::{Value, json};

#[tokio::test]
async fn a_user_is_made_without_a_password_and_chooses_one_through_the_link() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/users", &json!({ "email": "ada@example.com" })).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.header("cache-control").contains("no-store"));
    let user = made.json();
    let id = user["id"].as_str().expect("an id");
    assert_eq!(made.header("location"), format!("{}/api/admin/users/{id}", server.app.issuer));
    assert_eq!((&user["display_name"], &user["has_password"]), (&json!("ada"), &json!(false)));
    assert_eq!(user["roles"], json!(["member"]));
    let link = user["password_link"].as_str().expect("a link").strip_prefix(&server.app.issuer).expect("ours");
    let mut browser = Browser::new(&server);
    let page = browser.get(link).await;
    let form = super::super::browser::form(&page, "reset-password-form");
    let form = form.with("password", PASSWORD);
    assert_eq!(browser.submit(&form).await.status, 200);
    let shown = server.admin_get(&format!("/users/{id}")).await;
    assert_eq!(shown.json()["has_password"], true);
    assert!(!shown.body.contains("link") && !shown.body.contains("hash"), "{shown:?}");
    assert_eq!(server.audited("user_added").await, 1);
    let event = &server.admin_get("/audit?kind=user_added").await.json()["items"][0];
    assert_eq!((&event["actor"], &event["user_id"]), (&json!("client ops"), &json!(id)));
}

#[tokio::test]
async fn an_address_is_taken_once_and_must_be_one() {
    let server = TestServer::administered().await;
    for (body, status, field) in [
        (json!({ "email": "ROOT@example.com" }), 409, "email"),
        (json!({ "email": "nonsense" }), 400, "email"),
        (json!({ "email": "a@example.com", "display_name": "two\nlines" }), 400, "display_name"),
    ] {
        let refused = server.admin("POST", "/users", &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (status, &json!(field)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_role_is_given_and_taken_and_taking_it_ends_the_tokens_that_tell_of_it() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    let promoted = server.admin("PATCH", "/users/ann", &json!({ "administrator": true })).await;
    assert_eq!(promoted.json()["roles"], json!(["administrator", "member"]), "{promoted:?}");
    let token = server.token_of_user("ann", CONSOLE, "postern.admin");
    assert_eq!(server.call("GET", "/api/admin/users", &token, &Value::Null).await.status, 200);
    let demoted = server.admin("PATCH", "/users/ann", &json!({ "administrator": false, "display_name": "Ann" })).await;
    assert_eq!((&demoted.json()["roles"], &demoted.json()["display_name"]), (&json!(["member"]), &json!("Ann")));
    assert_eq!(server.call("GET", "/api/admin/users", &token, &Value::Null).await.status, 401, "revoked");
    server.clock.advance(10);
    let fresh = server.token_of_user("ann", CONSOLE, "postern.admin");
    assert_eq!(server.call("GET", "/api/admin/users", &fresh, &Value::Null).await.status, 403, "no administrator now");
    let audited = async || (server.audited("user_changed").await, server.audited("user_roles_changed").await);
    assert_eq!(audited().await, (1, 2));
    server.admin("PATCH", "/users/ann", &json!({ "display_name": "Ann", "administrator": false })).await;
    assert_eq!(audited().await, (1, 2), "nothing was changed");
}

#[tokio::test]
async fn an_account_is_closed_and_opened_again_and_both_may_be_said_twice() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    for (operation, state) in
        [("disable", "disabled"), ("disable", "disabled"), ("enable", "active"), ("enable", "active")]
    {
        let answer = server.admin("POST", &format!("/users/ann/{operation}"), &Value::Null).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (200, &json!(state)), "{operation}: {answer:?}");
        if state == "disabled" {
            let link = server.admin("POST", "/users/ann/password-link", &Value::Null).await;
            assert_eq!(link.status, 409, "{link:?}");
        }
    }
    assert_eq!((server.audited("user_disabled").await, server.audited("user_enabled").await), (1, 1));
    assert_eq!(server.admin("POST", "/users/ann/password-link", &Value::Null).await.status, 201);
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let server = TestServer::administered().await;
    let token = server.token_of_user("root", CONSOLE, "postern.admin");
    let own = "/api/admin/users/root";
    let change = json!({ "administrator": false, "display_name": "Nobody" });
    let demoted = server.call("PATCH", own, &token, &change).await;
    let disabled = server.call("POST", &format!("{own}/disable"), &token, &Value::Null).await;
    assert_eq!((demoted.status.as_u16(), disabled.status.as_u16()), (409, 409), "{demoted:?}");
    let renamed = server.call("PATCH", own, &token, &json!({ "display_name": "Root" })).await;
    assert_eq!(renamed.json()["display_name"], "Root", "{renamed:?}");
    assert_eq!(server.audited("user_changed").await, 1, "what was refused in part was refused whole");
    let event = &server.admin_get("/audit?kind=user_changed").await.json()["items"][0];
    assert_eq!(event["actor"], "user root with client console");
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_is_refused() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    let seen = server.admin_get("/users/ann").await;
    let tag = seen.header("etag").to_owned();
    let first = server.admin_with(("if-match", &tag), "PATCH", "/users/ann", &json!({ "display_name": "One" })).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = server.admin_with(("if-match", &tag), "PATCH", "/users/ann", &json!({ "display_name": "Two" })).await;
    assert_eq!((second.status.as_u16(), second.error()), (412, "precondition_failed".to_owned()));
    let tag = first.header("etag").to_owned();
    let third = server.admin_with(("if-match", &tag), "PATCH", "/users/ann", &json!({ "display_name": "Two" })).await;
    assert_eq!(third.status, 200, "the answer's own tag is the current one");
}

#[tokio::test]
async fn users_are_found_by_address_and_state() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    server.admin("POST", "/users/ann/disable", &Value::Null).await;
    let emails = async |query: &str| {
        let page = server.admin_get(&format!("/users{query}")).await.json();
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|user| user["email"].as_str().expect("an address").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(emails("").await, ["ann@example.com", "root@example.com"]);
    assert_eq!(emails("?state=active").await, ["root@example.com"]);
    assert_eq!(emails("?state=disabled").await, ["ann@example.com"]);
    assert_eq!(emails("?email=Root@Example.com").await, ["root@example.com"]);
    assert!(emails("?email=nobody@example.com").await.is_empty());
    assert_eq!(server.admin_get("/users?state=asleep").await.status, 400);
}

#[tokio::test]
async fn an_erased_person_is_nobody_and_is_not_made_somebody_again() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    assert_eq!(server.admin("DELETE", "/users/root", &Value::Null).await.status, 409, "the last administrator");
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", "/users/ann", &Value::Null).await.status, 204);
    }
    assert_eq!(server.admin("DELETE", "/users/nobody", &Value::Null).await.status, 404);
    let shown = server.admin_get("/users/ann").await;
    assert_eq!(shown.text("state"), "disabled");
    assert!(!shown.body.contains("ann@example.com"), "{shown:?}");
    for (method, path, body) in [
        ("POST", "/users/ann/enable", Value::Null),
        ("POST", "/users/ann/password-link", Value::Null),
        ("PATCH", "/users/ann", json!({ "display_name": "Ann", "administrator": true })),
    ] {
        assert_eq!(server.admin(method, path, &body).await.status, 409, "{method} {path}");
    }
    assert_eq!(server.audited("user_erased").await, 1);
}

#[tokio::test]
async fn a_refusal_names_the_member_that_is_to_blame() {
    let server = TestServer::administered().await;
    for (method, path, body, field, word) in [
        ("POST", "/users", json!({ "mail": "a@example.com" }), json!("mail"), "mail is unknown"),
        ("POST", "/users", json!({}), json!("email"), "email is missing"),
        ("POST", "/users", json!({ "email": "a@example.com", "administrator": "yes" }), json!("administrator"), "form"),
        ("POST", "/users", json!({ "<script>": 1 }), Value::Null, "A member is unknown"),
        ("POST", "/users", json!([]), Value::Null, "JSON object"),
        ("GET", "/users?nonsense=1", Value::Null, json!("nonsense"), "nonsense is unknown"),
        ("GET", "/users?limit=many", Value::Null, json!("limit"), "form"),
        ("GET", "/users?state=gone", Value::Null, json!("state"), "form"),
    ] {
        let refused = server.admin(method, path, &body).await;
        let told = refused.json();
        assert_eq!((refused.status.as_u16(), &told["field"]), (400, &field), "{method} {path} {body}: {told}");
        let description = told["error_description"].as_str().expect("a description");
        assert!(description.contains(word) && description.contains("There are: "), "{description}");
    }
}
