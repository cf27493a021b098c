//! The first administrator: made through a one-time link that only whoever starts the server sees. No default credentials exist.

use super::{
    PasswordHasher, User,
    add_user::{self, AddUserError, NewUser},
    session::{self, SessionLifetimes},
};
use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    store::{
        milestone,
        one_time_link::{self, LinkPurpose},
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::Random,
    secret::Secret,
};

/// A link is good for this long.
pub const SET_UP_LINK_SECONDS: i64 = 60 * 60;

/// Why the set-up was not completed.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// Used, too old, never ours, or an administrator was made meanwhile.
    #[error("the link does not work any more")]
    Link,
    /// The account could not be made.
    #[error(transparent)]
    Account(#[from] AddUserError),
}

impl From<StoreError> for SetUpError {
    fn from(cause: StoreError) -> Self {
        Self::Account(cause.into())
    }
}

/// The first administrator, signed in.
pub struct SetUpDone {
    /// Who it is.
    pub user: User,
    /// The cookie of the browser that did it.
    pub session: OpaqueToken,
}

/// A new set-up link in place of earlier ones, or `None` once an administrator was ever made. Put it into a URL with [`link_url`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn fresh_link(
    store: &Store,
    random: &dyn Random,
    now: UnixSeconds,
) -> Result<Option<OpaqueToken>, StoreError> {
    let token = OpaqueToken::generate(TokenKind::OneTimeLink, random);
    let hash = &token.hash();
    let event = &AuditEvent::new(AuditKind::SetUpLinkMade, random, now).by(&Actor::Installation);
    let is_open = store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if milestone::find(tx, milestone::ADMINISTRATOR_MADE).await?.is_some() {
                return Ok::<_, StoreError>(false);
            }
            one_time_link::consume_set_up(tx, now).await?;
            one_time_link::insert(tx, hash, LinkPurpose::SetUp, None, now, now + SET_UP_LINK_SECONDS).await?;
            audit::record(tx, event).await?;
            Ok(true)
        })
        .await?;
    Ok(is_open.then_some(token))
}

/// Where links lead, below the issuer's path.
pub const LINK_PATH: &str = "/set-up/{link}";

/// The URL to open; whoever has it becomes the administrator.
pub fn link_url(issuer: &str, token: &OpaqueToken) -> Secret {
    Secret::new(format!("{issuer}{}", LINK_PATH.replace("{link}", token.expose())))
}

/// Whether an administrator was ever made.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn is_done(store: &Store) -> Result<bool, StoreError> {
    Ok(milestone::find(&mut store.read(), milestone::ADMINISTRATOR_MADE).await?.is_some())
}

/// Whether `link` still works. Consumes nothing: mail scanners and previews may look at it.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn is_live(store: &Store, link: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    let Some(token) = OpaqueToken::parse(TokenKind::OneTimeLink, link) else { return Ok(false) };
    Ok(one_time_link::find_live(&mut store.read(), &token.hash(), LinkPurpose::SetUp, now).await?.is_some())
}

/// Makes the first administrator, uses the link up, closes the set-up for good and signs the browser in, in one transaction.
///
/// # Errors
/// [`SetUpError`]; only success uses the link up.
pub async fn complete(
    store: &Store,
    passwords: &PasswordHasher,
    lifetimes: SessionLifetimes,
    random: &dyn Random,
    link: &str,
    new: &NewUser<'_>,
    now: UnixSeconds,
) -> Result<SetUpDone, SetUpError> {
    let token = OpaqueToken::parse(TokenKind::OneTimeLink, link).ok_or(SetUpError::Link)?;
    if !is_live(store, link, now).await? {
        return Err(SetUpError::Link);
    }
    let prepared =
        add_user::prepare(passwords, random, &NewUser { is_administrator: true, ..new.clone() }, now).await?;
    let cookie = session::new_token(random);
    let event =
        AuditEvent::new(AuditKind::AdministratorMade, random, now).user(&prepared.user.id).by_user(&prepared.user.id);
    let (link, cookie_hash, written, event) = (&token.hash(), &cookie.hash(), &prepared, &event);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !one_time_link::consume(tx, link, LinkPurpose::SetUp, now).await?
                || !milestone::reach(tx, milestone::ADMINISTRATOR_MADE, now).await?
            {
                return Err(SetUpError::Link);
            }
            if !add_user::insert(tx, written, now).await? {
                return Err(AddUserError::Taken.into());
            }
            session::begin(tx, lifetimes, cookie_hash, &written.user.id, None, now).await?;
            audit::record(tx, event).await?;
            Ok(())
        })
        .await?;
    Ok(SetUpDone { user: prepared.user, session: cookie })
}
