//! Changing what an administrator may change of an account.

use super::{
    User,
    set_administrator::{self, SetAdministratorRefusal},
    user::display_name,
};
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

/// What becomes different; absent stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserChange<'a> {
    /// What pages call the person; empty for the part of the address before `@`.
    pub display_name: Option<&'a str>,
    /// Whether the user administers this installation.
    pub is_administrator: Option<bool>,
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeUserRefusal {
    /// Not usable on a page.
    #[error("use a shorter name, on one line")]
    DisplayName,
    /// It is not any more what the caller saw.
    #[error("the account was changed meanwhile")]
    ChangedMeanwhile,
    /// The role stays.
    #[error(transparent)]
    Role(#[from] SetAdministratorRefusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes `seen` unless somebody was faster: all of it, or nothing. Roles change as [`super::set_administrator()`] says.
///
/// # Errors
/// [`ChangeUserRefusal`].
pub async fn change_user(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    seen: &User,
    change: &UserChange<'_>,
    now: UnixSeconds,
) -> Result<(), ChangeUserRefusal> {
    let name = match change.display_name {
        Some(given) => Some(display_name(given, &seen.email).ok_or(ChangeUserRefusal::DisplayName)?),
        None => None,
    };
    let name = &name.filter(|name| *name != seen.display_name);
    let renamed = &AuditEvent::new(AuditKind::UserChanged, random, now).user(&seen.id).by(by);
    let role = &change.is_administrator.map(|to| (to, set_administrator::event(random, by, &seen.id, to, now)));
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if user_account::find(tx, &seen.id).await?.as_ref() != Some(seen) {
                return Err(ChangeUserRefusal::ChangedMeanwhile);
            }
            if let Some(name) = name {
                user_account::rename(tx, &seen.id, name, now).await?;
                change_log::append(tx, Change::UserChanged(&seen.id), now).await?;
                audit::record(tx, renamed).await?;
            }
            if let Some((to, event)) = role {
                set_administrator::write(tx, &seen.id, *to, event, now).await?;
            }
            Ok(())
        })
        .await
}
