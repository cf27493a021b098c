//! Signing in: the password of an open account, under limits that say nothing about whether the account exists.

use super::{
    Email, PasswordHasher, User,
    password_hash::{PasswordHashError, Verdict},
    password_rules::PASSWORD_MAX_BYTES,
    session,
    sign_in_limits::Guess,
};
use crate::{
    audit::{self, AuditEvent, AuditKind},
    store::user_account,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    ephemeral::EphemeralError,
    http::AddressBlock,
    protocol::opaque_token::{OpaqueToken, TokenHash},
    random::Random,
    rate_limit::RateLimiter,
    secret::Secret,
};

/// What somebody typed.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// The session that this browser has already, whoever's; it ends.
    pub replaced: Option<&'a TokenHash>,
    /// Where the browser is.
    pub block: AddressBlock,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such account, a closed one, one without a password, or another password: all the same.
    #[error("the e-mail address or the password is wrong")]
    Refused,
    /// Too many wrong ones before; nothing was looked at.
    #[error("too many attempts")]
    TooMany {
        /// When to try again.
        retry_after_seconds: u32,
    },
    /// The attempts could not be counted.
    #[error(transparent)]
    Limits(#[from] EphemeralError),
    /// The password could not be checked now.
    #[error(transparent)]
    Hash(#[from] PasswordHashError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs somebody in; returns the cookie of the new session.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(
    store: &Store,
    passwords: &PasswordHasher,
    limits: &RateLimiter,
    random: &dyn Random,
    attempt: &Attempt<'_>,
    now: UnixSeconds,
) -> Result<OpaqueToken, SignInError> {
    let guess = Guess::of(attempt.email, attempt.block);
    if let Some(retry_after_seconds) = guess.wait_seconds(limits).await? {
        return Err(SignInError::TooMany { retry_after_seconds });
    }
    let checked = check_password(store, passwords, attempt).await;
    if matches!(checked, Err(SignInError::Refused)) {
        guess.record_failure(limits).await?;
    }
    let (user, rehashed) = checked?;
    let cookie = session::new_token(random);
    let event = AuditEvent::new(AuditKind::SignedIn, random, now).user(&user.id);
    let (hash, user_id, rehashed, event) = (&cookie.hash(), user.id.as_str(), rehashed.as_ref(), &event);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if let Some((old, new)) = rehashed {
                user_account::rehash_password(tx, user_id, old, new).await?;
            }
            session::begin(tx, hash, user_id, attempt.replaced, now).await?;
            audit::record(tx, event).await
        })
        .await?;
    Ok(cookie)
}

/// Whose password it is, and the hash to replace an old one with. Takes as long for accounts that do not exist.
async fn check_password(
    store: &Store,
    passwords: &PasswordHasher,
    attempt: &Attempt<'_>,
) -> Result<(User, Option<(String, String)>), SignInError> {
    if attempt.password.expose().len() > PASSWORD_MAX_BYTES {
        return Err(SignInError::Refused);
    }
    let account = match Email::parse(attempt.email) {
        Ok(email) => user_account::find_by_email(&mut store.read(), &email).await?,
        Err(_) => None,
    };
    let account = account.filter(|account| account.user.is_active());
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = passwords.verify(attempt.password, stored.as_deref()).await?;
    match (account, verdict, stored) {
        (Some(account), Verdict::Right, _) => Ok((account.user, None)),
        (Some(account), Verdict::RightButOld(new), Some(old)) => Ok((account.user, Some((old, new)))),
        _ => Err(SignInError::Refused),
    }
}
