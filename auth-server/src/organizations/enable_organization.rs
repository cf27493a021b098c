//! Opening a closed organization again.

use super::OrganizationRefusal;
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::organization,
};
use shared::{clock::UnixSeconds, db::Store, random::Random};

/// Opens the organization. What had ended stays ended: its members allow their clients anew.
///
/// # Errors
/// [`OrganizationRefusal`].
pub async fn enable_organization(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    organization_id: &str,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    let event = &AuditEvent::new(AuditKind::OrganizationEnabled, random, now)
        .by(by)
        .detail(&format!("organization={organization_id}"));
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !organization::enable(tx, organization_id).await? {
                let is_known = organization::find(tx, organization_id).await?.is_some();
                let refusal =
                    if is_known { OrganizationRefusal::NotDisabled } else { OrganizationRefusal::UnknownOrganization };
                return Err(refusal);
            }
            change_log::append(tx, Change::OrganizationChanged(organization_id), now).await?;
            Ok(audit::record(tx, event).await?)
        })
        .await
}
