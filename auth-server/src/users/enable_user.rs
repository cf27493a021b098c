//! Opening a closed account again.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::user_account,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Opens the account; its password, roles and memberships are what they were, and what had ended stays ended. `false` when there is no
/// such closed account.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn enable_user(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let event = &AuditEvent::new(AuditKind::UserEnabled, random, now).user(user_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !user_account::enable(tx, user_id).await? {
                return Ok(false);
            }
            change_log::append(tx, Change::UserChanged(user_id), now).await?;
            audit::record(tx, event).await?;
            Ok(true)
        })
        .await
}
