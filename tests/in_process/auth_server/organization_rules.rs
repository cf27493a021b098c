//! The rules of organizations, on both databases.

use super::{
    TestServer, database,
    given::{Given, public_client},
    memberships::invalid_grant,
    test_server::{RESOURCE, RESOURCE_SERVER, START},
};
use auth_server::{
    audit::Actor,
    organizations::{
        NewOrganization, OrganizationRefusal, OrganizationRole, add_member, add_organization, disable_organization,
        enable_organization,
    },
    resources::{register_resource::register_resource, remove_resource::remove_of_owner},
    store::{self, organization_member, remembered_consent::ConsentKey},
    users::{
        disable_user, disable_user::DisableUserRefusal, enable_user, erase_user, erase_user::EraseUserRefusal,
        set_administrator,
    },
};
use shared::{
    db::{Statement, Store, StoreError},
    random::SystemRandom,
};

use OrganizationRole::{Admin, Member, Owner};

const BY: &Actor = &Actor::CommandLine;

/// The users `ann` and `bob`, and `cid`, on `store`.
async fn server_on(store: &Store) -> TestServer {
    let server = TestServer::start_on(store.clone(), "").await.and_app().await;
    server.add_user("bob", &["member"]).await;
    server.add_user("cid", &["member"]).await;
    server
}

async fn members_and_roles_are_what_was_said(store: &Store) {
    let server = server_on(store).await;
    let acme = server.organization("acme", "ann").await;
    server.join(&acme, "bob", Member).await;
    let refused = add_member(store, &SystemRandom, BY, &acme.id, "bob", Owner, START).await;
    assert!(matches!(refused, Err(OrganizationRefusal::AlreadyMember)), "{refused:?}");
    let refused = add_member(store, &SystemRandom, BY, &acme.id, "nobody", Member, START).await;
    assert!(matches!(refused, Err(OrganizationRefusal::UnknownUser)), "{refused:?}");
    let refused = add_member(store, &SystemRandom, BY, "nothing", "cid", Member, START).await;
    assert!(matches!(refused, Err(OrganizationRefusal::UnknownOrganization)), "{refused:?}");
    let again = NewOrganization { slug: "acme", name: "Another", tenant_id: None, owner_id: "cid" };
    let refused = add_organization(store, &SystemRandom, BY, &again, START).await;
    assert!(matches!(refused, Err(OrganizationRefusal::SlugTaken)), "{refused:?}");
    let members = organization_member::list(&mut store.read(), &acme.id).await.expect("read");
    let members: Vec<_> = members.iter().map(|member| (member.user_id.as_str(), member.role)).collect();
    assert_eq!(members, [("ann", Owner), ("bob", Member)]);
    let of_bob = organization_member::list_of_user(&mut store.read(), "bob").await.expect("read");
    assert_eq!(of_bob.iter().map(|one| one.organization.tenant_id.as_str()).collect::<Vec<_>>(), ["tenant-of-acme"]);
    let own = NewOrganization { slug: "own", name: "Own", tenant_id: None, owner_id: "cid" };
    let own = add_organization(store, &SystemRandom, BY, &own, START).await.expect("made");
    assert_eq!(own.tenant_id, own.id);
    assert_eq!((server.audited("organization_added").await, server.audited("member_added").await), (2, 1));
}

async fn the_last_owner_stays(store: &Store) {
    let server = server_on(store).await;
    let acme = server.organization("acme", "ann").await;
    server.join(&acme, "bob", Admin).await;
    for role in [Admin, Member] {
        let refused = server.promote(&acme, "ann", role).await;
        assert!(matches!(refused, Err(OrganizationRefusal::LastOwner)), "{refused:?}");
    }
    let refused = server.leave(&acme, "ann").await;
    assert!(matches!(refused, Err(OrganizationRefusal::LastOwner)), "{refused:?}");
    server.promote(&acme, "bob", Owner).await.expect("promoted");
    // An owner whose account is closed answers for nothing.
    disable_user(store, &SystemRandom, BY, "bob", START).await.expect("disabled");
    let erase = |user: &'static str| erase_user(store, &server.app.audit_key, &SystemRandom, BY, user, START);
    let refused = erase("ann").await;
    assert!(matches!(&refused, Err(EraseUserRefusal::LastOwner(slug)) if slug == "acme"), "{refused:?}");
    let refused = server.leave(&acme, "ann").await;
    assert!(matches!(refused, Err(OrganizationRefusal::LastOwner)), "{refused:?}");
    assert!(enable_user(store, &SystemRandom, BY, "bob", START).await.expect("enabled"));
    server.leave(&acme, "ann").await.expect("left");
    let refused = server.leave(&acme, "ann").await;
    assert!(matches!(refused, Err(OrganizationRefusal::NotMember)), "{refused:?}");
    let refused = server.promote(&acme, "ann", Owner).await;
    assert!(matches!(refused, Err(OrganizationRefusal::NotMember)), "{refused:?}");
    assert_eq!((server.audited("member_role_changed").await, server.audited("member_removed").await), (1, 1));
    assert_eq!(server.audited("user_enabled").await, 1);
    let refused = erase("bob").await;
    assert!(matches!(refused, Err(EraseUserRefusal::LastOwner(_))), "{refused:?}");
    assert_eq!(server.audited("user_erased").await, 0);
    erase("ann").await.expect("owns nothing any more");
    server.close(&acme).await;
    erase("bob").await.expect("nobody works for a closed organization");
}

async fn two_owners_who_leave_at_once_leave_one(store: &Store) {
    let server = server_on(store).await;
    for round in 0..8 {
        let acme = server.organization(&format!("acme-{round}"), "ann").await;
        server.join(&acme, "bob", Owner).await;
        let (one, other) = futures_util::future::join(server.leave(&acme, "ann"), server.leave(&acme, "bob")).await;
        let left = [one.is_ok(), other.is_ok()].into_iter().filter(|left| *left).count();
        assert_eq!(left, 1, "{round}");
        let members = organization_member::list(&mut store.read(), &acme.id).await.expect("read");
        assert_eq!(members.iter().filter(|member| member.role == Owner).count(), 1, "{round}");
    }
}

async fn who_leaves_loses_that_organization_and_no_other(store: &Store) {
    let server = server_on(store).await;
    let (acme, beta) = (server.organization("acme", "bob").await, server.organization("beta", "bob").await);
    for organization in [&acme, &beta] {
        server.join(organization, "ann", Member).await;
    }
    let mut tokens = Vec::new();
    for (user, organization) in [("ann", Some(&acme)), ("ann", Some(&beta)), ("ann", None), ("bob", Some(&acme))] {
        let organization = organization.map(|organization| organization.id.as_str());
        let given = Given { user, organization, ..Given::USUAL };
        tokens.push(server.redeem(&server.give(&given).await).await.text("refresh_token"));
    }
    let unredeemed = server.give(&Given { organization: Some(&acme.id), ..Given::USUAL }).await;
    remember(&server, &[Some(&acme.id), Some(&beta.id), None]).await;
    server.follow().await;
    server.leave(&acme, "ann").await.expect("left");
    assert_eq!(server.redeem(&unredeemed).await.refusal(), invalid_grant());
    assert_eq!(server.refresh(&tokens[0]).await.refusal(), invalid_grant());
    for token in &tokens[1..] {
        assert_eq!(server.refresh(token).await.status, 200);
    }
    assert_eq!(remembered(&server, &[Some(&acme.id), Some(&beta.id), None]).await, [false, true, true]);
    // Coming back does not bring back what was allowed.
    server.join(&acme, "ann", Member).await;
    assert_eq!(server.refresh(&tokens[0]).await.refusal(), invalid_grant());

    server.close(&beta).await;
    assert_eq!(server.refresh(&tokens[1]).await.refusal(), invalid_grant());
    let closed = disable_organization(store, &SystemRandom, BY, &beta.id, START).await;
    assert!(matches!(closed, Err(OrganizationRefusal::AlreadyDisabled)), "{closed:?}");
    enable_organization(store, &SystemRandom, BY, &beta.id, START).await.expect("open again");
    let open = enable_organization(store, &SystemRandom, BY, &beta.id, START).await;
    assert!(matches!(open, Err(OrganizationRefusal::NotDisabled)), "{open:?}");
    assert_eq!(server.refresh(&tokens[1]).await.refusal(), invalid_grant(), "what had ended stays ended");
    assert_eq!(remembered(&server, &[Some(&acme.id), Some(&beta.id), None]).await, [false, false, true]);
    assert_eq!(changes(&server, "organization").await, 1);
    assert_eq!(server.audited("organization_disabled").await, 1);
    assert_eq!(server.audited("organization_enabled").await, 1);
    assert_eq!(changes(&server, "user_in_organization").await, 1);
}

async fn the_last_administrator_stays(store: &Store) {
    let server = server_on(store).await;
    let set = |user: &'static str, on| set_administrator(store, &SystemRandom, BY, user, on, START);
    assert!(set("ann", true).await.expect("made one"));
    assert!(!set("ann", true).await.expect("is one"));
    assert!(set("ann", false).await.is_err());
    let refused = disable_user(store, &SystemRandom, BY, "ann", START).await;
    assert!(matches!(refused, Err(DisableUserRefusal::LastAdministrator)), "{refused:?}");
    assert!(set("bob", true).await.expect("made one"));
    // Who has no password cannot administer anything.
    assert!(set("ann", false).await.is_err());
    let refused = disable_user(store, &SystemRandom, BY, "ann", START).await;
    assert!(matches!(refused, Err(DisableUserRefusal::LastAdministrator)), "{refused:?}");
    for user in ["ann", "bob"] {
        let work = |mut tx| async move { store::user_account::set_password(&mut tx, user, "hash", START).await };
        assert!(store.write::<_, StoreError, _, _>(work).await.expect("set"));
    }
    let (one, other) = futures_util::future::join(set("ann", false), set("bob", false)).await;
    assert_eq!([one.is_ok(), other.is_ok()].into_iter().filter(|done| *done).count(), 1);
    assert!(set("nobody", true).await.is_err());
    assert_eq!(server.audited("user_roles_changed").await, 3);
    // Whoever became an administrator by a command has closed the set-up for good.
    let link = auth_server::users::set_up::fresh_link(store, &SystemRandom, START).await.expect("an answer");
    assert!(link.is_none());
}

async fn a_resource_that_comes_back_brings_back_nothing(store: &Store) {
    let server = server_on(store).await;
    let token = server.family().await;
    let unredeemed = server.give(&Given::USUAL).await;
    remember(&server, &[None]).await;
    store.write(|mut tx| async move { remove_of_owner(&mut tx, RESOURCE_SERVER, START).await }).await.expect("removed");
    server.follow().await;
    server.add_resource(RESOURCE).await;
    assert_eq!(server.refresh(&token).await.refusal(), invalid_grant());
    assert_eq!(server.redeem(&unredeemed).await.refusal(), invalid_grant());
    assert_eq!(remembered(&server, &[None]).await, [false]);
    let fresh = server.family().await;
    let resource = server.app.resources.find(RESOURCE).expect("registered");
    register_resource(store, &SystemRandom, RESOURCE_SERVER, &(*resource).clone().into(), START)
        .await
        .expect("the same again");
    assert_eq!(server.refresh(&fresh).await.status, 200);
}

async fn remember(server: &TestServer, organizations: &[Option<&str>]) {
    let scope = &"mcp.read".parse().expect("scope");
    server.add_client(&public_client("remembered")).await;
    let work = |mut tx| async move {
        for organization_id in organizations {
            store::remembered_consent::remember(&mut tx, &key(*organization_id), scope, 1, START).await?;
        }
        Ok::<_, StoreError>(())
    };
    server.app.store.write(work).await.expect("remembered");
}

async fn remembered(server: &TestServer, organizations: &[Option<&str>]) -> Vec<bool> {
    let mut found = Vec::new();
    for organization_id in organizations {
        let one = store::remembered_consent::find(&mut server.app.store.read(), &key(*organization_id), 1).await;
        found.push(one.expect("read").is_some());
    }
    found
}

fn key(organization_id: Option<&str>) -> ConsentKey<'_> {
    let (user_id, client_id, redirect_host) = ("ann", "remembered", "client.example");
    ConsentKey { user_id, client_id, redirect_host, resource: RESOURCE, organization_id }
}

async fn changes(server: &TestServer, kind: &str) -> i64 {
    const COUNT: Statement =
        Statement::new("test.changes_of_kind", "SELECT COUNT(*) AS n FROM change_log WHERE kind = $1");
    let row = server.app.store.read().fetch_optional(&COUNT, shared::binds![kind]).await.expect("read");
    row.expect("a row").get("n").expect("a number")
}

database::for_each_database!(
    members_and_roles_are_what_was_said,
    the_last_owner_stays,
    two_owners_who_leave_at_once_leave_one,
    who_leaves_loses_that_organization_and_no_other,
    the_last_administrator_stays,
    a_resource_that_comes_back_brings_back_nothing,
);
