//! Signing in: the password of an open account, under limits that say nothing about whether the account exists.

use super::{
    Email, PasswordHasher, User,
    password_hash::{PasswordHashError, Verdict},
    password_rules::PASSWORD_MAX_BYTES,
    session::{self, SessionLifetimes},
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
    rate_limit::{Limit, RateLimiter},
    secret::Secret,
};

/// Refused sign-ins that are recorded singly, of all accounts and addresses together.
pub const REFUSALS_RECORDED: Limit = Limit { requests: 1000, window_seconds: 60 * 60 };
const SUMMED_UP: Limit = Limit { requests: 1, ..REFUSALS_RECORDED };

/// What somebody typed.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// The session that this browser has already, whoever's; it ends.
    pub replaced: Option<&'a TokenHash>,
    /// Who signed in in this browser before.
    pub known: Option<&'a User>,
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

/// Somebody signed in.
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// The cookie of the new session.
    pub session: OpaqueToken,
}

/// Signs somebody in.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(
    store: &Store,
    passwords: &PasswordHasher,
    limits: &RateLimiter,
    lifetimes: SessionLifetimes,
    random: &dyn Random,
    attempt: &Attempt<'_>,
    now: UnixSeconds,
) -> Result<SignedIn, SignInError> {
    let guess = Guess::of(attempt.email, attempt.block, attempt.known);
    if let Some(retry_after_seconds) = guess.begin(limits).await? {
        return Err(SignInError::TooMany { retry_after_seconds });
    }
    let checked = check_password(store, passwords, attempt).await;
    if !matches!(checked, Ok(Checked::Wrong { .. })) {
        guess.take_back(limits).await?;
    }
    let (user, rehashed) = match checked? {
        Checked::Right { user, rehashed } => (user, rehashed),
        Checked::Wrong { user_id } => {
            record_refusal(store, limits, random, attempt, user_id.as_deref(), now).await?;
            return Err(SignInError::Refused);
        }
    };
    let session = session::new_token(random);
    let event = AuditEvent::new(AuditKind::SignedIn, random, now)
        .user(&user.id)
        .by_user(&user.id)
        .from_block(Some(&attempt.block));
    let (hash, user_id, rehashed, event) = (&session.hash(), user.id.as_str(), rehashed.as_ref(), &event);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if let Some((old, new)) = rehashed {
                user_account::rehash_password(tx, user_id, old, new).await?;
            }
            session::begin(tx, lifetimes, hash, user_id, attempt.replaced, now).await?;
            audit::record(tx, event).await
        })
        .await?;
    Ok(SignedIn { user, session })
}

/// What a password turned out to be.
enum Checked {
    /// That of this open account; with the old and the new hash when it was stored under older parameters.
    Right { user: User, rehashed: Option<(String, String)> },
    /// Nobody's who may sign in; with the account it was tried on, if there is one.
    Wrong { user_id: Option<String> },
}

/// Compares the password. Takes as long for accounts that do not exist, are closed or have no password.
async fn check_password(
    store: &Store,
    passwords: &PasswordHasher,
    attempt: &Attempt<'_>,
) -> Result<Checked, SignInError> {
    let account = match Email::parse(attempt.email) {
        Ok(email) if attempt.password.expose().len() <= PASSWORD_MAX_BYTES => {
            user_account::find_by_email(&mut store.read(), &email).await?
        }
        _ => return Ok(Checked::Wrong { user_id: None }),
    };
    let user_id = account.as_ref().map(|account| account.user.id.clone());
    let account = account.filter(|account| account.user.is_active());
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = passwords.verify(attempt.password, stored.as_deref()).await?;
    Ok(match (account, verdict, stored) {
        (Some(account), Verdict::Right, _) => Checked::Right { user: account.user, rehashed: None },
        (Some(account), Verdict::RightButOld(new), Some(old)) => {
            Checked::Right { user: account.user, rehashed: Some((old, new)) }
        }
        _ => Checked::Wrong { user_id },
    })
}

/// Written down whether or not there is such an account, so that the time it takes says nothing either. Anybody can cause these, from as many
/// addresses as there are, and events stay: beyond so many an hour one event stands for the rest.
async fn record_refusal(
    store: &Store,
    limits: &RateLimiter,
    random: &dyn Random,
    attempt: &Attempt<'_>,
    user_id: Option<&str>,
    now: UnixSeconds,
) -> Result<(), SignInError> {
    let event = if limits.check("refused-sign-ins-recorded", "", REFUSALS_RECORDED).await?.allowed {
        let event = AuditEvent::new(AuditKind::SignInRefused, random, now).from_block(Some(&attempt.block));
        user_id.map_or(event.clone(), |id| event.user(id))
    } else if limits.check("refused-sign-ins-summed-up", "", SUMMED_UP).await?.allowed {
        AuditEvent::new(AuditKind::SignInsRefusedByTheThousand, random, now)
    } else {
        return Ok(());
    };
    let event = &event;
    Ok(store.write(|mut tx| async move { audit::record(&mut tx, event).await }).await?)
}
