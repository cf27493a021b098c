//! Signing in: the password of an open account, under limits that say nothing about whether the account exists.

use super::{
    Email, PasswordHasher, User,
    password_hash::{PasswordHashError, Verdict},
    password_rules::PASSWORD_MAX_BYTES,
    session::{self, SessionLifetimes},
    sign_in_limits::{Guess, Spent},
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
/// How often a password is compared with one that was just replaced.
const COMPARISONS_MAX: u32 = 3;
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
    TooMany(Spent),
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
    if let Some(spent) = guess.begin(limits).await? {
        return Err(SignInError::TooMany(spent));
    }
    let signed_in = prove_and_begin(store, passwords, lifetimes, random, attempt, now).await;
    if !matches!(signed_in, Ok(Err(Wrong { .. }))) {
        guess.take_back(limits).await?;
    }
    match signed_in? {
        Ok(signed_in) => Ok(signed_in),
        Err(Wrong { user_id }) => {
            record_refusal(store, limits, random, user_id.as_deref(), now).await?;
            Err(SignInError::Refused)
        }
    }
}

/// A password that is nobody's who may sign in; with the account it was tried on, if there is one.
struct Wrong {
    user_id: Option<String>,
}

/// The password of an open account, as it was compared.
struct Right {
    user: User,
    /// What it was compared with.
    stored: String,
    /// The same under newer parameters, if it was stored under older ones.
    rehashed: Option<String>,
}

/// Compares the password and begins the session. Comparing takes long, and whoever changes the password meanwhile means every session to end, this
/// one too: so the session begins only while the account has the password that was compared, else it is compared with the new one.
async fn prove_and_begin(
    store: &Store,
    passwords: &PasswordHasher,
    lifetimes: SessionLifetimes,
    random: &dyn Random,
    attempt: &Attempt<'_>,
    now: UnixSeconds,
) -> Result<Result<SignedIn, Wrong>, SignInError> {
    let mut user_id = None;
    for _ in 0..COMPARISONS_MAX {
        let right = match check_password(store, passwords, attempt).await? {
            Ok(right) => right,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let session = session::new_token(random);
        if begin(store, lifetimes, random, attempt, &right, &session.hash(), now).await? {
            return Ok(Ok(SignedIn { user: right.user, session }));
        }
        user_id = Some(right.user.id);
    }
    Ok(Err(Wrong { user_id }))
}

/// Begins the session; `false` when the password was replaced or the account closed since the password was compared.
async fn begin(
    store: &Store,
    lifetimes: SessionLifetimes,
    random: &dyn Random,
    attempt: &Attempt<'_>,
    right: &Right,
    session: &TokenHash,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let Right { user, stored, rehashed } = right;
    let event = &AuditEvent::new(AuditKind::SignedIn, random, now).user(&user.id).by_user(&user.id);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !user_account::has_password(tx, &user.id, stored).await? {
                return Ok(false);
            }
            if let Some(new) = rehashed {
                user_account::rehash_password(tx, &user.id, stored, new).await?;
            }
            session::begin(tx, lifetimes, session, &user.id, attempt.replaced, now).await?;
            audit::record(tx, event).await?;
            Ok(true)
        })
        .await
}

/// Compares the password. Takes as long for accounts that do not exist, are closed or have no password.
async fn check_password(
    store: &Store,
    passwords: &PasswordHasher,
    attempt: &Attempt<'_>,
) -> Result<Result<Right, Wrong>, SignInError> {
    let account = match Email::parse(attempt.email) {
        Ok(email) if attempt.password.expose().len() <= PASSWORD_MAX_BYTES => {
            user_account::find_by_email(&mut store.read(), &email).await?
        }
        _ => return Ok(Err(Wrong { user_id: None })),
    };
    let user_id = account.as_ref().map(|account| account.user.id.clone());
    let account = account.filter(|account| account.user.is_active());
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = passwords.verify(attempt.password, stored.as_deref()).await?;
    Ok(match (account, verdict, stored) {
        (Some(account), Verdict::Right, Some(stored)) => Ok(Right { user: account.user, stored, rehashed: None }),
        (Some(account), Verdict::RightButOld(new), Some(stored)) => {
            Ok(Right { user: account.user, stored, rehashed: Some(new) })
        }
        _ => Err(Wrong { user_id }),
    })
}

/// Written down whether or not there is such an account, so that the time it takes says nothing either. Anybody can cause these, from as many
/// addresses as there are, and events stay: beyond so many an hour one event stands for the rest.
async fn record_refusal(
    store: &Store,
    limits: &RateLimiter,
    random: &dyn Random,
    user_id: Option<&str>,
    now: UnixSeconds,
) -> Result<(), SignInError> {
    let event = if limits.check("refused-sign-ins-recorded", "", REFUSALS_RECORDED).await?.allowed {
        let event = AuditEvent::new(AuditKind::SignInRefused, random, now);
        user_id.map_or(event.clone(), |id| event.user(id))
    } else if limits.check("refused-sign-ins-summed-up", "", SUMMED_UP).await?.allowed {
        AuditEvent::new(AuditKind::SignInsRefusedByTheThousand, random, now)
    } else {
        return Ok(());
    };
    let event = &event;
    Ok(store.write(|mut tx| async move { audit::record(&mut tx, event).await }).await?)
}
