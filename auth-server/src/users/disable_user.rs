//! Closing an account.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{
        authorization_grant::{self, RevocationReason},
        browser_session, one_time_link, remembered_consent, user_account,
    },
    users::User,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Why an account was not closed; the texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum DisableUserRefusal {
    /// There is no such account, or it is closed already.
    #[error("there is no such open account")]
    NotOpen,
    /// Nobody else administers the installation.
    #[error("this is the last account that administers this installation; make another one first")]
    LastAdministrator,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Closes the account and ends, in the same transaction, all it holds: sessions, links, remembered consents and grants; resource servers hear
/// of it through the change log. Its memberships stay, for the day it is opened again.
///
/// # Errors
/// [`DisableUserRefusal`]; when the database does not answer nothing happened, or (`CommitUnknown`) all of it.
pub async fn disable_user(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    now: UnixSeconds,
) -> Result<(), DisableUserRefusal> {
    let event = &AuditEvent::new(AuditKind::UserDisabled, random, now).user(user_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !user_account::disable(tx, user_id, now).await? {
                let is_open = user_account::find(tx, user_id).await?.as_ref().is_some_and(User::is_active);
                let refusal = if is_open { DisableUserRefusal::LastAdministrator } else { DisableUserRefusal::NotOpen };
                return Err(refusal);
            }
            browser_session::end_of_user(tx, user_id, now).await?;
            one_time_link::consume_of_user(tx, user_id, now).await?;
            remembered_consent::forget_of_user(tx, user_id).await?;
            authorization_grant::revoke_of_user(tx, user_id, RevocationReason::UserDisabled, now).await?;
            change_log::append(tx, Change::UserRevoked(user_id), now).await?;
            Ok(audit::record(tx, event).await?)
        })
        .await
}
