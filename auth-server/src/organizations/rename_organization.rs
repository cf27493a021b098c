//! Giving an organization another name. Its slug stays, for commands and paths name it by that.

use super::{Organization, OrganizationRefusal, organization::is_name};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::organization,
};
use shared::{clock::UnixSeconds, db::Store, random::Random};

/// Names the organization that the caller saw `name`, unless somebody else renamed it since.
///
/// # Errors
/// [`OrganizationRefusal`].
pub async fn rename_organization(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    seen: &Organization,
    name: &str,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    if !is_name(name) {
        return Err(OrganizationRefusal::Name);
    }
    if name == seen.name {
        return Ok(());
    }
    let event = &AuditEvent::new(AuditKind::OrganizationRenamed, random, now)
        .by(by)
        .detail(&format!("organization={}", seen.id));
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !organization::rename(tx, &seen.id, &seen.name, name).await? {
                return Err(OrganizationRefusal::ChangedMeanwhile);
            }
            change_log::append(tx, Change::OrganizationChanged(&seen.id), now).await?;
            Ok(audit::record(tx, event).await?)
        })
        .await
}
