//! A signed-in person chooses another password.

use super::{
    PasswordHasher, Session,
    password_hash::{PasswordHashError, Verdict},
    password_rules::{PASSWORD_MAX_BYTES, PasswordProblem, check_password},
    session::{self, SessionLifetimes},
};
use crate::{
    audit::{self, AuditEvent, AuditKind},
    store::{browser_session, one_time_link, remembered_consent, user_account},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    ephemeral::EphemeralError,
    protocol::opaque_token::OpaqueToken,
    random::Random,
    rate_limit::{Limit, RateDecision, RateLimiter},
    secret::Secret,
};

/// How often the current password may be mistyped. Counted apart from sign-ins, so that whoever got hold of a session can lock nobody out.
pub const BY_USER: Limit = Limit { requests: 10, window_seconds: 15 * 60 };
const BUCKET: &str = "change-password";

/// What somebody typed.
pub struct PasswordChange<'a> {
    /// Where they are signed in.
    pub session: &'a Session,
    /// The password they have.
    pub current: &'a Secret,
    /// The one they want.
    pub new: &'a Secret,
}

/// Why the password was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// It is not the current password.
    #[error("the current password is wrong")]
    Current,
    /// Too many wrong ones before; nothing was looked at.
    #[error("too many attempts")]
    TooMany(RateDecision),
    /// The new password is not usable.
    #[error(transparent)]
    New(#[from] PasswordProblem),
    /// The session or the account ended, or the password was changed elsewhere meanwhile.
    #[error("nobody is signed in any more")]
    SignedOut,
    /// The attempts could not be counted.
    #[error(transparent)]
    Limits(#[from] EphemeralError),
    /// A password could not be hashed now.
    #[error(transparent)]
    Hash(#[from] PasswordHashError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replaces the password and, in the same transaction, ends every session of the user, voids links and forgets what need not be asked again: who
/// knew the old password may have made them. Returns the cookie of the session that this browser goes on with.
///
/// # Errors
/// [`ChangePasswordError`]; then nothing changed.
pub async fn change_password(
    store: &Store,
    passwords: &PasswordHasher,
    limits: &RateLimiter,
    lifetimes: SessionLifetimes,
    random: &dyn Random,
    change: &PasswordChange<'_>,
    now: UnixSeconds,
) -> Result<OpaqueToken, ChangePasswordError> {
    let user = &change.session.user;
    check_password(change.new.expose(), &user.email, &user.display_name)?;
    let old = &check_current(store, passwords, limits, random, change, now).await?;
    if change.new.matches(change.current.expose()) {
        return Err(PasswordProblem::Unchanged.into());
    }
    let new = &passwords.hash(change.new).await?;
    let token = session::new_token(random);
    let event = &AuditEvent::new(AuditKind::PasswordChanged, random, now).user(&user.id).by_user(&user.id);
    let (hash, session, user_id) = (&token.hash(), &change.session.hash, user.id.as_str());
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !session::is_live(tx, lifetimes, session, now).await?
                || !user_account::replace_password(tx, user_id, old, new, now).await?
            {
                return Err(ChangePasswordError::SignedOut);
            }
            browser_session::end_of_user(tx, user_id, now).await?;
            one_time_link::consume_of_user(tx, user_id, now).await?;
            remembered_consent::forget_of_user(tx, user_id).await?;
            session::begin(tx, lifetimes, hash, user_id, None, now).await?;
            Ok(audit::record(tx, event).await?)
        })
        .await?;
    Ok(token)
}

/// The stored hash of the current password, if that is what was typed.
async fn check_current(
    store: &Store,
    passwords: &PasswordHasher,
    limits: &RateLimiter,
    random: &dyn Random,
    change: &PasswordChange<'_>,
    now: UnixSeconds,
) -> Result<String, ChangePasswordError> {
    let user = &change.session.user;
    let decision = limits.check(BUCKET, &user.id, BY_USER).await?;
    if !decision.allowed {
        limits.take_back(BUCKET, &user.id).await?;
        return Err(ChangePasswordError::TooMany(decision));
    }
    let account = user_account::find_account(&mut store.read(), &user.id).await?;
    let stored = account.and_then(|account| account.password_hash);
    let fits = change.current.expose().len() <= PASSWORD_MAX_BYTES;
    let verdict = if fits { passwords.verify(change.current, stored.as_deref()).await } else { Ok(Verdict::Wrong) };
    if !matches!(verdict, Ok(Verdict::Wrong)) {
        limits.take_back(BUCKET, &user.id).await?;
    }
    match (verdict?, stored) {
        (Verdict::Right | Verdict::RightButOld(_), Some(stored)) => Ok(stored),
        _ => {
            let event =
                &AuditEvent::new(AuditKind::PasswordChangeRefused, random, now).user(&user.id).by_user(&user.id);
            store.write(|mut tx| async move { audit::record(&mut tx, event).await }).await?;
            Err(ChangePasswordError::Current)
        }
    }
}
