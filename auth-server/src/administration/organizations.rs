//! Organizations and who belongs to them.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    refusal::Change,
    schema,
    views::{MemberView, OrganizationView},
};
use crate::{
    organizations::{
        Member, NewOrganization, Organization, OrganizationRefusal, OrganizationRole, RoleChange, add_member,
        add_organization, change_role, disable_organization, enable_organization, remove_member, rename_organization,
    },
    store::{organization, organization_member, user_account},
};
use schemars::JsonSchema;
use serde::Deserialize;

const NAME: &str = "organizations";
const COLUMNS: &[&str] = &["slug", "name", "state", "tenant_id", "id"];
const MEMBER_COLUMNS: &[&str] = &["email", "display_name", "role", "state", "user_id"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "People who use resources together, in roles",
    operations: &[
        Operation::get((NAME, "list"), "/organizations", |call| Box::pin(list(call)))
            .does("List organizations, by slug", "organizations list")
            .query(schema::of::<PageQuery>)
            .answers(schema::of::<Page<OrganizationView>>)
            .columns(COLUMNS),
        Operation::post((NAME, "create"), "/organizations", |call| Box::pin(create(call)))
            .does(
                "Make an organization and its first owner",
                "organizations create --slug acme --name Acme --owner-id K3b1ZW1hbm5uMjAwMTIzNA",
            )
            .body(schema::of::<Creation>)
            .creates(schema::of::<OrganizationView>)
            .refuses(&[409]),
        Operation::get((NAME, "show"), "/organizations/{id}", |call| Box::pin(show(call)))
            .does("Show an organization", "organizations show K3b1ZW1hbm5uMjAwMTIzNA")
            .answers(schema::of::<OrganizationView>),
        Operation::patch((NAME, "change"), "/organizations/{id}", |call| Box::pin(change(call)))
            .does("Rename an organization; its slug stays", "organizations change K3b1ZW1hbm5uMjAwMTIzNA --name Acme")
            .body(schema::of::<Alteration>)
            .answers(schema::of::<OrganizationView>)
            .refuses(&[409, 412]),
        Operation::post((NAME, "disable"), "/organizations/{id}/disable", |call| Box::pin(disable(call)))
            .does(
                "Close an organization: everything anybody allowed for it ends at once",
                "organizations disable K3b1ZW1hbm5uMjAwMTIzNA",
            )
            .answers(schema::of::<OrganizationView>),
        Operation::post((NAME, "enable"), "/organizations/{id}/enable", |call| Box::pin(enable(call)))
            .does(
                "Open a closed organization; what had ended stays ended",
                "organizations enable K3b1ZW1hbm5uMjAwMTIzNA",
            )
            .answers(schema::of::<OrganizationView>),
        Operation::get((NAME, "members"), "/organizations/{id}/members", |call| Box::pin(members(call)))
            .does("List who belongs to an organization, by user id", "organizations members K3b1ZW1hbm5uMjAwMTIzNA")
            .query(schema::of::<PageQuery>)
            .answers(schema::of::<Page<MemberView>>)
            .columns(MEMBER_COLUMNS),
        Operation::get((NAME, "show-member"), "/organizations/{id}/members/{user_id}", |call| {
            Box::pin(show_member(call))
        })
        .does(
            "Show what a user is in an organization",
            "organizations show-member K3b1ZW1hbm5uMjAwMTIzNA L4c2ZX2icn5vNkBxNUJ0OB",
        )
        .answers(schema::of::<MemberView>),
        Operation::put((NAME, "set-member"), "/organizations/{id}/members/{user_id}", |call| {
            Box::pin(set_member(call))
        })
        .does(
            "Take a user into an organization, or give a member another role",
            "organizations set-member K3b1ZW1hbm5uMjAwMTIzNA L4c2ZX2icn5vNkBxNUJ0OB --role admin",
        )
        .body(schema::of::<Standing>)
        .answers(schema::of::<MemberView>)
        .refuses(&[409, 412]),
        Operation::delete((NAME, "remove-member"), "/organizations/{id}/members/{user_id}", |call| {
            Box::pin(leave(call))
        })
        .does(
            "Remove a member: what the user allowed for the organization ends at once",
            "organizations remove-member K3b1ZW1hbm5uMjAwMTIzNA L4c2ZX2icn5vNkBxNUJ0OB",
        )
        .refuses(&[409]),
    ],
};

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: PageQuery = call.query(schema::of::<PageQuery>)?;
    let asked = Asked::of(NAME, &query)?;
    let rows = organization::list_page(&mut call.app.store.read(), &asked.after, asked.rows()).await?;
    Ok(Reply::shows(&asked.page(rows, |organization| organization.slug.clone(), OrganizationView::from)))
}

/// A new organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Creation {
    /// Its name in commands and paths: lower-case letters, digits and hyphens.
    slug: String,
    /// Its name, for people.
    name: String,
    /// What the systems behind the resources know it by; its own id unless said otherwise.
    tenant_id: Option<String>,
    /// The user who answers for it.
    owner_id: String,
}

async fn create(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Creation = call.body(schema::of::<Creation>)?;
    let new = NewOrganization {
        slug: &body.slug,
        name: &body.name,
        tenant_id: body.tenant_id.as_deref(),
        owner_id: &body.owner_id,
    };
    let made = add_organization(&call.app.store, &*call.app.random, call.actor, &new, call.now).await;
    let made = made.map_err(|cause| match cause {
        OrganizationRefusal::UnknownUser => Refusal::invalid("There is no such open account.").about("owner_id"),
        other => other.into(),
    })?;
    let id = made.id.clone();
    Ok(Reply::made(&OrganizationView::from(made), NAME, &id))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows_version(&OrganizationView::from(find(call).await?)))
}

/// What becomes different; what is absent stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Alteration {
    /// Its name, for people.
    name: Option<String>,
}

async fn change(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Alteration = call.body(schema::of::<Alteration>)?;
    let seen = find(call).await?;
    call.check_version(&OrganizationView::from(seen.clone()))?;
    if let Some(name) = &body.name {
        let (store, random) = (&call.app.store, &*call.app.random);
        let renamed = rename_organization(store, random, call.actor, &seen, name, call.now).await;
        renamed.map_err(|cause| Change::from(cause).tell(call))?;
    }
    show(call).await
}

async fn disable(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call).await?.id;
    match disable_organization(&call.app.store, &*call.app.random, call.actor, &id, call.now).await {
        Ok(()) | Err(OrganizationRefusal::AlreadyDisabled) => show(call).await,
        Err(refusal) => Err(refusal.into()),
    }
}

async fn enable(call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = find(call).await?.id;
    match enable_organization(&call.app.store, &*call.app.random, call.actor, &id, call.now).await {
        Ok(()) | Err(OrganizationRefusal::NotDisabled) => show(call).await,
        Err(refusal) => Err(refusal.into()),
    }
}

async fn members(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: PageQuery = call.query(schema::of::<PageQuery>)?;
    let asked = Asked::of("members", &query)?;
    let id = find(call).await?.id;
    let rows = organization_member::list_page(&mut call.app.store.read(), &id, &asked.after, asked.rows()).await?;
    Ok(Reply::shows(&asked.page(rows, |member| member.user_id.clone(), MemberView::from)))
}

/// What a user is in an organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Standing {
    /// The role; whoever has one has the lesser ones.
    role: Role,
}

/// The roles, the least first.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    /// Belongs to it.
    Member,
    /// Manages its members and settings.
    Admin,
    /// Answers for it; there is always one.
    Owner,
}

impl From<Role> for OrganizationRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Member => Self::Member,
            Role::Admin => Self::Admin,
            Role::Owner => Self::Owner,
        }
    }
}

async fn show_member(call: &Call<'_>) -> Result<Reply, Refusal> {
    let member = find_member(call, &find(call).await?.id, call.path("user_id")).await?;
    Ok(Reply::shows_version(&MemberView::from(member.ok_or_else(Refusal::not_found)?)))
}

async fn set_member(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Standing = call.body(schema::of::<Standing>)?;
    let (id, user_id, to) = (find(call).await?.id, call.path("user_id"), body.role.into());
    let seen = find_member(call, &id, user_id).await?;
    let (store, random) = (&call.app.store, &*call.app.random);
    let done = match seen {
        Some(seen) => {
            let role = RoleChange { from: Some(seen.role), to };
            call.check_version(&MemberView::from(seen))?;
            change_role(store, random, call.actor, &id, user_id, role, call.now).await
        }
        None => {
            call.check_absent()?;
            add_member(store, random, call.actor, &id, user_id, to, call.now).await
        }
    };
    done.map_err(|cause| Change::from(cause).tell(call))?;
    let member = find_member(call, &id, user_id).await?.ok_or_else(Refusal::not_found)?;
    Ok(Reply::shows_version(&MemberView::from(member)))
}

async fn leave(call: &Call<'_>) -> Result<Reply, Refusal> {
    let (id, user_id) = (find(call).await?.id, call.path("user_id"));
    if user_account::find(&mut call.app.store.read(), user_id).await?.is_none() {
        return Err(Refusal::not_found());
    }
    match remove_member(&call.app.store, &*call.app.random, call.actor, &id, user_id, call.now).await {
        Ok(()) | Err(OrganizationRefusal::NotMember) => Ok(Reply::nothing()),
        Err(refusal) => Err(refusal.into()),
    }
}

async fn find(call: &Call<'_>) -> Result<Organization, Refusal> {
    let found = organization::find(&mut call.app.store.read(), call.path("id")).await?;
    found.ok_or_else(Refusal::not_found)
}

async fn find_member(call: &Call<'_>, id: &str, user_id: &str) -> Result<Option<Member>, Refusal> {
    Ok(organization_member::find_member(&mut call.app.store.read(), id, user_id).await?)
}
