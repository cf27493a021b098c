//! Closing an organization.

use super::OrganizationRefusal;
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{
        authorization_grant::{self, RevocationReason},
        organization, remembered_consent,
    },
};
use shared::{clock::UnixSeconds, db::Store, random::Random};

/// Closes the organization and ends, in the same transaction, all that anybody allowed for it. Its members stay, for the day
/// it is opened again.
///
/// # Errors
/// [`OrganizationRefusal`].
pub async fn disable_organization(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    organization_id: &str,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    let event = &AuditEvent::new(AuditKind::OrganizationDisabled, random, now)
        .by(by)
        .detail(&format!("organization={organization_id}"));
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !organization::disable(tx, organization_id, now).await? {
                let is_known = organization::find(tx, organization_id).await?.is_some();
                let refusal = if is_known {
                    OrganizationRefusal::AlreadyDisabled
                } else {
                    OrganizationRefusal::UnknownOrganization
                };
                return Err(refusal);
            }
            let reason = RevocationReason::OrganizationDisabled;
            authorization_grant::revoke_of_organization(tx, organization_id, reason, now).await?;
            remembered_consent::forget_of_organization(tx, organization_id).await?;
            change_log::append(tx, Change::OrganizationRevoked(organization_id), now).await?;
            Ok(audit::record(tx, event).await?)
        })
        .await
}
