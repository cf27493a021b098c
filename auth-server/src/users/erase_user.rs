//! Erasing a person: nothing that is kept says any more who they were, and the audit chain still holds.

use super::User;
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind, ChainKey, chain_link::person_of},
    change_log::{self, Change},
    store::{
        audit_event, audit_person,
        authorization_grant::{self, RevocationReason},
        browser_session, one_time_link, organization_member, remembered_consent, user_account,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    random::{Random, random_32},
};

/// Why nobody was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseUserRefusal {
    /// There is no such account, or the person was erased already.
    #[error("there is no such account, or it was erased already")]
    NotThere,
    /// Nobody else administers the installation.
    #[error("this is the last account that administers this installation; make another one first")]
    LastAdministrator,
    /// Nobody else owns the open organization with this slug.
    #[error("this is the last owner of the organization {0}; make somebody else an owner, or disable it, first")]
    LastOwner(String),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends all the account holds, its memberships too, takes name, address, roles and password out of it, and the user's id out of every audit event: what stays there
/// is a pseudonym that nothing joins to the user any more. The account itself stays, closed and nameless, for as long as ended grants refer to
/// it. An open organization keeps an owner; one that is disabled may lose its last.
///
/// # Errors
/// [`EraseUserRefusal`]; when the database does not answer nothing happened, or (`CommitUnknown`) all of it.
pub async fn erase_user(
    store: &Store,
    key: &ChainKey,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    now: UnixSeconds,
) -> Result<(), EraseUserRefusal> {
    let event = &AuditEvent::new(AuditKind::UserErased, random, now).user(user_id).by(by);
    // A stand-in: no address of anybody, and none that can receive mail (RFC 2606 §2).
    let address = &format!("{user_id}@erased.invalid");
    loop {
        let known = audit_person::find(&mut store.read(), user_id).await?;
        let salt = known.clone().unwrap_or_else(|| random_32(random).to_vec());
        let (known, person) = (known.as_deref(), &person_of(key, &salt, user_id));
        let erased = store
            .write(|mut tx| async move {
                let tx = &mut tx;
                // The first event of a user may have been chained since the salt was looked for.
                if audit_person::find(tx, user_id).await?.as_deref() != known {
                    return Ok(false);
                }
                if let Some(slug) = organization_member::find_owned_alone(tx, user_id).await? {
                    return Err(EraseUserRefusal::LastOwner(slug));
                }
                if !user_account::erase(tx, user_id, address, now).await? {
                    let is_open = user_account::find(tx, user_id).await?.as_ref().is_some_and(User::is_active);
                    return Err(if is_open { EraseUserRefusal::LastAdministrator } else { EraseUserRefusal::NotThere });
                }
                end_everything(tx, user_id, now).await?;
                audit::record(tx, event).await?;
                audit_event::forget_user(tx, user_id, person).await?;
                if let Some(salt) = known {
                    audit_person::delete(tx, user_id, salt).await?;
                }
                Ok(true)
            })
            .await?;
        if erased {
            return Ok(());
        }
    }
}

async fn end_everything(tx: &mut Tx, user_id: &str, now: UnixSeconds) -> Result<(), StoreError> {
    browser_session::end_of_user(tx, user_id, now).await?;
    one_time_link::consume_of_user(tx, user_id, now).await?;
    remembered_consent::forget_of_user(tx, user_id).await?;
    organization_member::forget_user(tx, user_id).await?;
    authorization_grant::revoke_of_user(tx, user_id, RevocationReason::UserDisabled, now).await?;
    change_log::append(tx, Change::UserRevoked(user_id), now).await
}
