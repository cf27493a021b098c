//! Choosing a password through a one-time link that an administrator hands over.

use super::{
    PasswordHasher, User,
    password_hash::PasswordHashError,
    password_rules::{PasswordProblem, check_password},
};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    store::{
        browser_session,
        one_time_link::{self, LinkPurpose},
        remembered_consent, user_account,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::Random,
    secret::Secret,
};

/// A link is good for this long.
pub const RESET_LINK_SECONDS: i64 = 60 * 60;

/// Why the password was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ResetPasswordError {
    /// Used, too old, replaced by a newer one, or never ours.
    #[error("the link does not work any more")]
    Link,
    /// The new password is not usable.
    #[error(transparent)]
    Password(#[from] PasswordProblem),
    /// The password could not be hashed now.
    #[error(transparent)]
    Hash(#[from] PasswordHashError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A link through which the user of an open account can choose a password, in place of earlier links; `None` when there is no such account.
/// Put it into a URL with [`link_url`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn fresh_link(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    user_id: &str,
    now: UnixSeconds,
) -> Result<Option<OpaqueToken>, StoreError> {
    let link = PreparedLink::new(random, by, user_id, now);
    let written = &link;
    let is_open = store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !user_account::find(tx, user_id).await?.is_some_and(|user| user.is_active()) {
                return Ok::<_, StoreError>(false);
            }
            one_time_link::consume_of_user(tx, user_id, now).await?;
            written.insert(tx, user_id, now).await?;
            Ok(true)
        })
        .await?;
    Ok(is_open.then_some(link.token))
}

/// A link that only has to be written.
pub(super) struct PreparedLink {
    /// What its URL ends with.
    pub(super) token: OpaqueToken,
    audit: AuditEvent,
}

impl PreparedLink {
    pub(super) fn new(random: &dyn Random, by: &Actor, user_id: &str, now: UnixSeconds) -> Self {
        let audit = AuditEvent::new(AuditKind::PasswordLinkMade, random, now).user(user_id).by(by);
        Self { token: OpaqueToken::generate(TokenKind::OneTimeLink, random), audit }
    }

    pub(super) async fn insert(&self, tx: &mut Tx, user_id: &str, now: UnixSeconds) -> Result<(), StoreError> {
        let (hash, ends) = (self.token.hash(), now + RESET_LINK_SECONDS);
        one_time_link::insert(tx, &hash, LinkPurpose::ResetPassword, Some(user_id), now, ends).await?;
        audit::record(tx, &self.audit).await
    }
}

/// Where links lead, below the issuer's path.
pub const LINK_PATH: &str = "/reset-password/{link}";

/// The URL to hand over; whoever has it chooses the password.
pub fn link_url(issuer: &str, token: &OpaqueToken) -> Secret {
    Secret::new(format!("{issuer}{}", LINK_PATH.replace("{link}", token.expose())))
}

/// Whose password `link` lets choose, if it still works. Consumes nothing.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_user(store: &Store, link: &str, now: UnixSeconds) -> Result<Option<User>, StoreError> {
    let Some(token) = OpaqueToken::parse(TokenKind::OneTimeLink, link) else { return Ok(None) };
    let mut db = store.read();
    let live = one_time_link::find_live(&mut db, &token.hash(), LinkPurpose::ResetPassword, now).await?;
    let Some(user_id) = live.and_then(|live| live.user_id) else { return Ok(None) };
    Ok(user_account::find(&mut db, &user_id).await?.filter(User::is_active))
}

/// Replaces the password, uses the link up, ends every session of the user and forgets what need not be asked again, in one transaction: who
/// knew the old password may have allowed it. Grants stay until they are revoked.
///
/// # Errors
/// [`ResetPasswordError`]; only success uses the link up.
pub async fn reset_password(
    store: &Store,
    passwords: &PasswordHasher,
    random: &dyn Random,
    link: &str,
    password: &Secret,
    now: UnixSeconds,
) -> Result<(), ResetPasswordError> {
    let token = OpaqueToken::parse(TokenKind::OneTimeLink, link).ok_or(ResetPasswordError::Link)?;
    let user = find_user(store, link, now).await?.ok_or(ResetPasswordError::Link)?;
    check_password(password.expose(), &user.email, &user.display_name)?;
    let password_hash = &passwords.hash(password).await?;
    let event = &AuditEvent::new(AuditKind::PasswordSet, random, now).user(&user.id).by_user(&user.id);
    let (link, user_id) = (&token.hash(), user.id.as_str());
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !one_time_link::consume(tx, link, LinkPurpose::ResetPassword, now).await?
                || !user_account::set_password(tx, user_id, password_hash, now).await?
            {
                return Err(ResetPasswordError::Link);
            }
            one_time_link::consume_of_user(tx, user_id, now).await?;
            browser_session::end_of_user(tx, user_id, now).await?;
            remembered_consent::forget_of_user(tx, user_id).await?;
            audit::record(tx, event).await?;
            Ok(())
        })
        .await
}
