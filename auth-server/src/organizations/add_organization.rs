//! Making an organization, with the owner that it always has.

use super::{
    Organization, OrganizationRefusal, OrganizationRole,
    organization::{is_name, is_slug, is_tenant_id},
};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{organization, organization_member, user_account},
    users::User,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, Tx},
    random::{Random, random_id},
};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct NewOrganization<'a> {
    /// The name in commands and paths.
    pub slug: &'a str,
    /// Its name, for people.
    pub name: &'a str,
    /// What other systems know it by; `None` for its own id.
    pub tenant_id: Option<&'a str>,
    /// The id of the user who answers for it.
    pub owner_id: &'a str,
}

/// Makes the organization and its first owner, in one transaction.
///
/// # Errors
/// [`OrganizationRefusal`].
pub async fn add_organization(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    new: &NewOrganization<'_>,
    now: UnixSeconds,
) -> Result<Organization, OrganizationRefusal> {
    check(new)?;
    let id = random_id(random);
    let organization = Organization {
        tenant_id: new.tenant_id.unwrap_or(&id).to_owned(),
        id,
        slug: new.slug.to_owned(),
        name: new.name.to_owned(),
        created_at: now,
        disabled_at: None,
    };
    let event = AuditEvent::new(AuditKind::OrganizationAdded, random, now)
        .user(new.owner_id)
        .by(by)
        .detail(&format!("organization={}", organization.id));
    let (made, event) = (&organization, &event);
    store.write(|mut tx| async move { write(&mut tx, made, new.owner_id, event, now).await }).await?;
    Ok(organization)
}

fn check(new: &NewOrganization<'_>) -> Result<(), OrganizationRefusal> {
    if !is_slug(new.slug) {
        return Err(OrganizationRefusal::Slug);
    }
    if !is_name(new.name) {
        return Err(OrganizationRefusal::Name);
    }
    if !new.tenant_id.is_none_or(is_tenant_id) {
        return Err(OrganizationRefusal::TenantId);
    }
    Ok(())
}

async fn write(
    tx: &mut Tx,
    made: &Organization,
    owner_id: &str,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    if !user_account::find(tx, owner_id).await?.as_ref().is_some_and(User::is_active) {
        return Err(OrganizationRefusal::UnknownUser);
    }
    if !organization::insert(tx, made).await? {
        return Err(OrganizationRefusal::SlugTaken);
    }
    organization_member::insert(tx, &made.id, owner_id, OrganizationRole::Owner, now).await?;
    change_log::append(tx, Change::OrganizationChanged(&made.id), now).await?;
    Ok(audit::record(tx, event).await?)
}
