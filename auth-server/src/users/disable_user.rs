//! Closing an account.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{
        authorization_grant::{self, RevocationReason},
        browser_session, one_time_link, remembered_consent, user_account,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Closes the account and ends, in the same transaction, all it holds: sessions, links, remembered consents and grants; resource servers hear
/// of it through the change log. `false` when there is no such open account.
///
/// # Errors
/// [`StoreError`] when the database does not answer; then nothing happened, or (`CommitUnknown`) all of it.
pub async fn disable_user(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let event = &AuditEvent::new(AuditKind::UserDisabled, random, now).user(user_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !user_account::disable(tx, user_id, now).await? {
                return Ok(false);
            }
            browser_session::end_of_user(tx, user_id, now).await?;
            one_time_link::consume_of_user(tx, user_id, now).await?;
            remembered_consent::forget_of_user(tx, user_id).await?;
            authorization_grant::revoke_of_user(tx, user_id, RevocationReason::UserDisabled, now).await?;
            change_log::append(tx, Change::UserRevoked(user_id), now).await?;
            audit::record(tx, event).await?;
            Ok(true)
        })
        .await
}
