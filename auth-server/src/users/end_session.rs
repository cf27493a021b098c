//! An administrator, or the user, ends one browser session. Grants stay; they are revoked by themselves.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    store::browser_session::{self, SessionRecord},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Ends the session and writes it down, in one transaction; `false` when it had ended.
///
/// # Errors
/// [`StoreError`] when the database does not answer; then nothing ended.
pub async fn end_session(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    session: &SessionRecord,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let event = &AuditEvent::new(AuditKind::SessionEnded, random, now).user(&session.user_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let has_ended = browser_session::end_by_id(tx, &session.id, now).await?;
            if has_ended {
                audit::record(tx, event).await?;
            }
            Ok(has_ended)
        })
        .await
}

/// The same by the user whose session it is, from another browser; `false` also for a session of somebody else.
///
/// # Errors
/// [`StoreError`] when the database does not answer; then nothing ended.
pub async fn end_own_session(
    store: &Store,
    random: &dyn Random,
    user_id: &str,
    id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let session = browser_session::find_record(&mut store.read(), id).await?;
    let Some(session) = &session.filter(|session| session.user_id == user_id) else { return Ok(false) };
    end_session(store, random, &Actor::Person { user_id: user_id.to_owned() }, session, now).await
}
