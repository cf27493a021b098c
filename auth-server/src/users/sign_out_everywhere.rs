//! Signing out everywhere: every session of a user ends, in every browser.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    store::browser_session,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Ends all sessions of the user, which is written down in the same transaction; returns how many browsers that were. What the user allowed
/// applications to do stays allowed.
///
/// # Errors
/// [`StoreError`] when the database does not answer; then nothing ended.
pub async fn sign_out_everywhere(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    let event = &AuditEvent::new(AuditKind::SessionsEnded, random, now).user(user_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let ended = browser_session::end_of_user(tx, user_id, now).await?;
            if ended > 0 {
                audit::record(tx, event).await?;
            }
            Ok(ended)
        })
        .await
}
