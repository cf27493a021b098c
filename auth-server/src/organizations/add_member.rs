//! Taking somebody into an organization.

use super::{OrganizationRefusal, OrganizationRole};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{organization, organization_member, user_account},
    users::User,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, Tx},
    random::Random,
};

/// The membership of an account that exists. What the user allowed clients before does not change: an organization is chosen
/// when a client asks the next time.
///
/// # Errors
/// [`OrganizationRefusal`].
pub async fn add_member(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    organization_id: &str,
    user_id: &str,
    role: OrganizationRole,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    let event = &event(random, by, organization_id, user_id, role, now);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !user_account::find(tx, user_id).await?.as_ref().is_some_and(User::is_active) {
                return Err(OrganizationRefusal::UnknownUser);
            }
            insert(tx, organization_id, user_id, role, event, now).await
        })
        .await
}

/// What [`insert`] records.
pub(super) fn event(
    random: &dyn Random,
    by: &Actor,
    organization_id: &str,
    user_id: &str,
    role: OrganizationRole,
    now: UnixSeconds,
) -> AuditEvent {
    AuditEvent::new(AuditKind::MemberAdded, random, now)
        .user(user_id)
        .by(by)
        .detail(&format!("organization={organization_id} role={}", role.as_str()))
}

/// Writes the membership of an account that the transaction knows to be open.
///
/// # Errors
/// [`OrganizationRefusal::UnknownOrganization`], [`OrganizationRefusal::AlreadyMember`] or the database does not answer.
pub(super) async fn insert(
    tx: &mut Tx,
    organization_id: &str,
    user_id: &str,
    role: OrganizationRole,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    if organization::find(tx, organization_id).await?.is_none() {
        return Err(OrganizationRefusal::UnknownOrganization);
    }
    if !organization_member::insert(tx, organization_id, user_id, role, now).await? {
        return Err(OrganizationRefusal::AlreadyMember);
    }
    change_log::append(tx, Change::OrganizationChanged(organization_id), now).await?;
    Ok(audit::record(tx, event).await?)
}
