//! An administrator ends browser sessions of a user: one, or all. Grants stay; they are revoked by themselves.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    store::browser_session::{self, SessionRecord},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Which sessions end.
#[derive(Debug, Clone, Copy)]
pub enum Sessions<'a> {
    /// This one.
    One(&'a SessionRecord),
    /// Every one of the user with this id.
    OfUser(&'a str),
}

/// Ends them and writes it down, in one transaction; `false` when there was nothing to end.
///
/// # Errors
/// [`StoreError`] when the database does not answer; then nothing ended.
pub async fn end_session(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    which: Sessions<'_>,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let user_id = match which {
        Sessions::One(session) => &session.user_id,
        Sessions::OfUser(user_id) => user_id,
    };
    let event = &AuditEvent::new(AuditKind::SessionEnded, random, now).user(user_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let has_ended = match which {
                Sessions::One(session) => browser_session::end_by_id(tx, &session.id, now).await?,
                Sessions::OfUser(user_id) => browser_session::end_of_user(tx, user_id, now).await? > 0,
            };
            if has_ended {
                audit::record(tx, event).await?;
            }
            Ok(has_ended)
        })
        .await
}
