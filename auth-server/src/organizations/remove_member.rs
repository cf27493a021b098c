//! Ending a membership.

use super::OrganizationRefusal;
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{
        authorization_grant::{self, RevocationReason},
        organization_member, remembered_consent,
    },
};
use shared::{clock::UnixSeconds, db::Store, protocol::security_event::user_in_organization_subject, random::Random};

/// Removes the member and ends, in the same transaction, all that the user allowed for this organization: grants with their
/// tokens, and remembered consents. What was allowed for other organizations goes on.
///
/// # Errors
/// [`OrganizationRefusal`]; the last owner stays.
pub async fn remove_member(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    organization_id: &str,
    user_id: &str,
    now: UnixSeconds,
) -> Result<(), OrganizationRefusal> {
    let event = &AuditEvent::new(AuditKind::MemberRemoved, random, now)
        .user(user_id)
        .by(by)
        .detail(&format!("organization={organization_id}"));
    let ended = &user_in_organization_subject(user_id, organization_id);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !organization_member::remove(tx, organization_id, user_id).await? {
                let stays = organization_member::find_role(tx, organization_id, user_id).await?.is_some();
                return Err(if stays { OrganizationRefusal::LastOwner } else { OrganizationRefusal::NotMember });
            }
            let reason = RevocationReason::MemberRemoved;
            authorization_grant::revoke_of_member(tx, organization_id, user_id, reason, now).await?;
            remembered_consent::forget_of_member(tx, organization_id, user_id).await?;
            change_log::append(tx, Change::UserInOrganizationRevoked(ended), now).await?;
            Ok(audit::record(tx, event).await?)
        })
        .await
}
