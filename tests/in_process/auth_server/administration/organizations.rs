//! `/api/admin/organizations`.

use super::super::{TestServer, test_server::START};
use auth_server::{
    audit::Actor,
    organizations::{
        Organization, OrganizationRefusal, OrganizationRole, RoleChange, change_role, rename_organization,
    },
    store::organization,
};
use serde_json::{Value, json};
use shared::random::SystemRandom;

async fn acme(server: &TestServer) -> String {
    server.add_user("ann", &["member"]).await;
    server.add_user("bob", &["member"]).await;
    let new = json!({ "slug": "acme", "name": "Acme", "owner_id": "ann" });
    let made = server.admin("POST", "/organizations", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.text("id");
    assert_eq!((made.json()["tenant_id"] == id.as_str(), made.header("location").ends_with(&id)), (true, true));
    format!("/organizations/{id}")
}

#[tokio::test]
async fn members_come_change_and_go_and_an_owner_stays() {
    let server = TestServer::administered().await;
    let acme = acme(&server).await;
    let bob = format!("{acme}/members/bob");
    for role in ["member", "admin", "admin"] {
        let set = server.admin("PUT", &bob, &json!({ "role": role })).await;
        assert_eq!((set.status.as_u16(), set.text("role")), (200, role.to_owned()), "{set:?}");
    }
    let members = server.admin_get(&format!("{acme}/members")).await.json();
    assert_eq!((&members["items"][0]["role"], &members["items"][1]["role"]), (&json!("owner"), &json!("admin")));
    let ann = format!("{acme}/members/ann");
    assert_eq!(server.admin("PUT", &ann, &json!({ "role": "member" })).await.status, 409, "the last owner");
    assert_eq!(server.admin("DELETE", &ann, &Value::Null).await.status, 409, "the last owner");
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", &bob, &Value::Null).await.status, 204);
    }
    let audited = async |kind: &'static str| server.audited(kind).await;
    assert_eq!(
        (audited("member_added").await, audited("member_role_changed").await, audited("member_removed").await),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn an_organization_is_closed_and_opened_and_its_slug_is_taken_once() {
    let server = TestServer::administered().await;
    let acme = acme(&server).await;
    for (operation, state) in
        [("disable", "disabled"), ("disable", "disabled"), ("enable", "active"), ("enable", "active")]
    {
        let answer = server.admin("POST", &format!("{acme}/{operation}"), &Value::Null).await;
        assert_eq!(answer.text("state"), state, "{answer:?}");
    }
    for (member, value, status, field) in [
        ("slug", "acme", 409, "slug"),
        ("slug", "Not A Slug", 400, "slug"),
        ("name", "", 400, "name"),
        ("tenant_id", "a b", 400, "tenant_id"),
        ("owner_id", "nobody", 400, "owner_id"),
    ] {
        let mut new = json!({ "slug": "other", "name": "Other", "owner_id": "ann" });
        new[member] = json!(value);
        let refused = server.admin("POST", "/organizations", &new).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (status, &json!(field)), "{refused:?}");
    }
}

#[tokio::test]
async fn neither_strangers_nor_other_ids_are_members() {
    let server = TestServer::administered().await;
    let acme = acme(&server).await;
    for path in [
        format!("{acme}/members/nobody"),
        "/organizations/acme/members/bob".to_owned(),
        "/organizations/ann/members/bob".to_owned(),
    ] {
        assert_eq!(server.admin("PUT", &path, &json!({ "role": "owner" })).await.status, 404, "{path}");
        assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 404, "{path}");
    }
    let refused = server.admin("PUT", &format!("{acme}/members/bob"), &json!({ "role": "administrator" })).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_role_that_somebody_else_changed_meanwhile_stays_as_it_is() {
    let server = TestServer::administered().await;
    let acme = acme(&server).await;
    let bob = format!("{acme}/members/bob");
    assert_eq!(server.admin_get(&bob).await.status, 404);
    let star = ("if-match", "*");
    assert_eq!(server.admin_with(star, "PUT", &bob, &json!({ "role": "member" })).await.status, 412, "nobody is there");
    assert_eq!(server.admin("PUT", &bob, &json!({ "role": "member" })).await.status, 200);
    let tag = server.admin_get(&bob).await.header("etag").to_owned();
    let set = async |role: &str| {
        server.admin_with(("if-match", &tag), "PUT", &bob, &json!({ "role": role })).await.status.as_u16()
    };
    assert_eq!((set("admin").await, set("owner").await), (200, 412));
    assert_eq!(server.admin_get(&bob).await.text("role"), "admin");
    let role = RoleChange { from: Some(OrganizationRole::Member), to: OrganizationRole::Owner };
    let id = acme.rsplit('/').next().expect("an id");
    let late = change_role(&server.app.store, &SystemRandom, &Actor::CommandLine, id, "bob", role, START).await;
    assert!(matches!(late, Err(OrganizationRefusal::RoleChanged)), "{late:?}");
}

#[tokio::test]
async fn an_organization_is_renamed_by_who_saw_what_it_was_called() {
    let server = TestServer::administered().await;
    let acme = acme(&server).await;
    let tag = server.admin_get(&acme).await.header("etag").to_owned();
    let rename =
        async |name: &str| server.admin_with(("if-match", &tag), "PATCH", &acme, &json!({ "name": name })).await;
    let renamed = rename("Acme Holding").await;
    assert_eq!((renamed.text("name"), renamed.text("slug")), ("Acme Holding".to_owned(), "acme".to_owned()));
    assert_eq!(rename("Acme Again").await.status, 412);
    assert_eq!(server.audited("organization_renamed").await, 1);
    let unchanged = server.admin("PATCH", &acme, &json!({ "name": "Acme Holding" })).await;
    assert_eq!((unchanged.status.as_u16(), server.audited("organization_renamed").await), (200, 1));
    let refused = server.admin("PATCH", &acme, &json!({ "name": " " })).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!("name")));
    let id = acme.rsplit('/').next().expect("an id");
    let seen = organization::find(&mut server.app.store.read(), id).await.expect("read").expect("there");
    let late = Organization { name: "Acme".to_owned(), ..seen };
    let (store, by) = (&server.app.store, &Actor::CommandLine);
    let late = rename_organization(store, &SystemRandom, by, &late, "Late", START).await;
    assert!(matches!(late, Err(OrganizationRefusal::ChangedMeanwhile)), "{late:?}");
}
