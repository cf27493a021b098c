//! Signing out: the session itself ends, in every copy of its cookie.

use super::Session;
use crate::{
    audit::{self, AuditEvent, AuditKind},
    store::browser_session,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Ends the session and writes it down, in one transaction.
///
/// # Errors
/// [`StoreError`] when the database does not answer; then nothing ended.
pub async fn sign_out(
    store: &Store,
    random: &dyn Random,
    session: &Session,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let event = &AuditEvent::new(AuditKind::SignedOut, random, now).user(&session.user.id).by_user(&session.user.id);
    let hash = &session.hash;
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            browser_session::end(tx, hash, now).await?;
            audit::record(tx, event).await
        })
        .await
}
