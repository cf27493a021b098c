//! Who administers this installation.

use super::user::roles_of;
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{milestone, one_time_link, user_account},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    random::Random,
};

/// Why the roles of an account were not changed; the texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum SetAdministratorRefusal {
    /// There is no such account.
    #[error("there is no such account")]
    UnknownUser,
    /// Nobody else administers the installation.
    #[error("this is the last account that administers this installation; make another one first")]
    LastAdministrator,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the account administer this installation, or not any more. More roles count from the next refresh on; fewer count at once: every
/// access token that the user holds ends, and what is refreshed has the scopes of the roles that are left. `false` when it was so already.
///
/// # Errors
/// [`SetAdministratorRefusal`].
pub async fn set_administrator(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    is_administrator: bool,
    now: UnixSeconds,
) -> Result<bool, SetAdministratorRefusal> {
    let event = &event(random, by, user_id, is_administrator, now);
    store.write(|mut tx| async move { write(&mut tx, user_id, is_administrator, event, now).await }).await
}

/// What [`write`] records.
pub(super) fn event(
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    is_administrator: bool,
    now: UnixSeconds,
) -> AuditEvent {
    let word = if is_administrator { "on" } else { "off" };
    AuditEvent::new(AuditKind::UserRolesChanged, random, now)
        .user(user_id)
        .by(by)
        .detail(&format!("administrator={word}"))
}

/// Changes the role in the caller's transaction; `false` when it was so already.
///
/// # Errors
/// [`SetAdministratorRefusal`].
pub(super) async fn write(
    tx: &mut Tx,
    user_id: &str,
    is_administrator: bool,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<bool, SetAdministratorRefusal> {
    let user = user_account::find(tx, user_id).await?.ok_or(SetAdministratorRefusal::UnknownUser)?;
    if user.is_administrator() == is_administrator {
        return Ok(false);
    }
    if is_administrator {
        add(tx, user_id, now).await?
    } else {
        remove(tx, user_id, now).await?
    }
    audit::record(tx, event).await?;
    Ok(true)
}

/// Whoever becomes the first administrator closes the set-up for good.
async fn add(tx: &mut Tx, user_id: &str, now: UnixSeconds) -> Result<(), SetAdministratorRefusal> {
    user_account::add_administrator(tx, user_id, &roles_of(true)).await?;
    milestone::reach(tx, milestone::ADMINISTRATOR_MADE, now).await?;
    one_time_link::consume_set_up(tx, now).await?;
    Ok(change_log::append(tx, Change::UserChanged(user_id), now).await?)
}

async fn remove(tx: &mut Tx, user_id: &str, now: UnixSeconds) -> Result<(), SetAdministratorRefusal> {
    if !user_account::remove_administrator(tx, user_id, &roles_of(false)).await? {
        return Err(SetAdministratorRefusal::LastAdministrator);
    }
    Ok(change_log::append(tx, Change::UserRevoked(user_id), now).await?)
}
