//! Browser sessions: 256 random bits in a cookie, their hash in the database.

use super::User;
use crate::{
    config::AuthServerSettings,
    store::{browser_session, user_account},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    protocol::opaque_token::{OpaqueToken, TokenHash, TokenKind},
    random::Random,
};
use subtle::ConstantTimeEq as _;

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// A session nobody used for this long has ended. Only what a person submits counts as use: looking at a page writes nothing.
    pub idle_seconds: i64,
    /// A session ends this long after the password was given, used or not.
    pub absolute_seconds: i64,
}

impl SessionLifetimes {
    /// What the settings say.
    pub fn of(settings: &AuthServerSettings) -> Self {
        let (idle, absolute) = (settings.session_idle_lifetime, settings.session_absolute_lifetime);
        Self { idle_seconds: idle.seconds(), absolute_seconds: absolute.seconds() }
    }
}

/// Use is written down at most this often.
const TOUCH_INTERVAL_SECONDS: i64 = 60;

/// Somebody signed in, in one browser.
#[derive(Clone)]
pub struct Session {
    /// What the database knows the cookie by.
    pub hash: TokenHash,
    /// Who is signed in.
    pub user: User,
    /// When the password was given.
    pub authenticated_at: UnixSeconds,
    /// What every form of this session carries.
    pub csrf: CsrfToken,
    last_seen_at: UnixSeconds,
}

/// What proves that a form was rendered for this session. Derived from the cookie's secret, so that it needs no storage, every tab has the same
/// one, and neither the database nor a form gives the cookie away.
#[derive(Clone)]
pub struct CsrfToken(String);

impl CsrfToken {
    fn of(token: &OpaqueToken) -> Self {
        let digest = Sha256::new().chain_update(b"postern csrf 1\0").chain_update(token.expose()).finalize();
        Self(URL_SAFE_NO_PAD.encode(digest))
    }

    /// For the form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a form brought it back.
    pub fn matches(&self, given: Option<&str>) -> bool {
        self.0.as_bytes().ct_eq(given.unwrap_or_default().as_bytes()).into()
    }
}

/// Who is signed in under this cookie at `now`: a session that did not end, of an account that is open.
///
/// # Errors
/// [`StoreError`] when the database does not answer: then nobody knows.
pub async fn find(
    store: &Store,
    lifetimes: SessionLifetimes,
    cookie: &str,
    now: UnixSeconds,
) -> Result<Option<Session>, StoreError> {
    let Some(token) = OpaqueToken::parse(TokenKind::BrowserSession, cookie) else { return Ok(None) };
    let (hash, mut db) = (token.hash(), store.read());
    let Some(live) = browser_session::find_live(&mut db, &hash, now, now - lifetimes.idle_seconds).await? else {
        return Ok(None);
    };
    let user = user_account::find(&mut db, &live.user_id).await?.filter(User::is_active);
    Ok(user.map(|user| Session {
        hash,
        user,
        authenticated_at: live.authenticated_at,
        csrf: CsrfToken::of(&token),
        last_seen_at: live.last_seen_at,
    }))
}

/// Whether the session is still live inside a transaction that relies on it.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn is_live(
    tx: &mut Tx,
    lifetimes: SessionLifetimes,
    hash: &TokenHash,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(browser_session::find_live(tx, hash, now, now - lifetimes.idle_seconds).await?.is_some())
}

/// A new cookie. Every sign-in makes one: whatever cookie the browser brought is worth nothing afterwards (session fixation).
pub fn new_token(random: &dyn Random) -> OpaqueToken {
    OpaqueToken::generate(TokenKind::BrowserSession, random)
}

/// Begins a session of a user who has just proved to be one, in place of the session that this browser had.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn begin(
    tx: &mut Tx,
    lifetimes: SessionLifetimes,
    token: &TokenHash,
    user_id: &str,
    replaced: Option<&TokenHash>,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    if let Some(replaced) = replaced {
        browser_session::end(tx, replaced, now).await?;
    }
    browser_session::insert(tx, token, user_id, now, now + lifetimes.absolute_seconds).await
}

/// Notes that the person did something.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn touch(tx: &mut Tx, session: &Session, now: UnixSeconds) -> Result<(), StoreError> {
    if now - session.last_seen_at < TOUCH_INTERVAL_SECONDS {
        return Ok(());
    }
    browser_session::touch(tx, &session.hash, now).await
}

#[cfg(test)]
mod tests {
    use super::CsrfToken;
    use shared::protocol::opaque_token::{OpaqueToken, TokenKind};

    #[test]
    fn the_csrf_token_belongs_to_one_session_and_gives_nothing_away() {
        let one = OpaqueToken::from_entropy(TokenKind::BrowserSession, &[1; 32]);
        let two = OpaqueToken::from_entropy(TokenKind::BrowserSession, &[2; 32]);
        let csrf = CsrfToken::of(&one);
        assert!(csrf.matches(Some(CsrfToken::of(&one).as_str())));
        assert!(!csrf.matches(Some(CsrfToken::of(&two).as_str())));
        assert!(!csrf.matches(None) && !csrf.matches(Some("")));
        assert!(!one.expose().contains(csrf.as_str()));
        assert_ne!(one.hash().0.to_vec(), {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(csrf.as_str()).unwrap()
        });
    }
}
