//! Giving a member another role.

use super::{OrganizationRefusal, OrganizationRole};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::organization_member,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, Tx},
    protocol::security_event::user_in_organization_subject,
    random::Random,
};

/// Which role somebody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleChange {
    /// Only if it is the role still; `None` whatever it is.
    pub from: Option<OrganizationRole>,
    /// The role.
    pub to: OrganizationRole,
}

impl From<OrganizationRole> for RoleChange {
    fn from(to: OrganizationRole) -> Self {
        Self { from: None, to }
    }
}

/// Gives the member this role. A greater one counts from the next refresh on. A lesser one counts at once: the access tokens
/// that the user holds for the organization end, and what is refreshed has the scopes of the new role; the grants stay. The
/// same role again changes nothing.
///
/// # Errors
/// [`OrganizationRefusal`]; the last owner stays one.
pub async fn change_role(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    organization_id: &str,
    user_id: &str,
    role: impl Into<RoleChange>,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    let RoleChange { from, to: role } = role.into();
    let event = &AuditEvent::new(AuditKind::MemberRoleChanged, random, now)
        .user(user_id)
        .by(by)
        .detail(&format!("organization={organization_id} role={}", role.as_str()));
    let ended = &user_in_organization_subject(user_id, organization_id);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let Some(before) = organization_member::find_role(tx, organization_id, user_id).await? else {
                return Err(OrganizationRefusal::NotMember);
            };
            if from.is_some_and(|from| from != before) {
                return Err(OrganizationRefusal::RoleChanged);
            }
            if before == role {
                return Ok(());
            }
            if !organization_member::change_role(tx, organization_id, user_id, (before, role)).await? {
                return Err(OrganizationRefusal::LastOwner);
            }
            let change = if role < before {
                Change::UserInOrganizationRevoked(ended)
            } else {
                Change::OrganizationChanged(organization_id)
            };
            record(tx, change, event, now).await
        })
        .await
}

async fn record(
    tx: &mut Tx,
    change: Change<'_>,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    change_log::append(tx, change, now).await?;
    Ok(audit::record(tx, event).await?)
}
