//! A request that passed every check and waits for a person. It is nowhere but in the form: sealed, for ten minutes, with an id that the
//! decision consumes.

use super::{PageRefusal, ReturnAddress, WantedPerson};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{
    clock::UnixSeconds,
    protocol::{opaque_token::TokenHash, scope::ScopeSet},
    sealing::Sealing,
};

/// A person has this long to sign in and decide.
pub const REQUEST_LIFETIME_SECONDS: i64 = 10 * 60;

/// The sealed text travels in a URL: 1 KiB of the usual 8 KiB is left to the origin, the path and what a sign-in adds.
const SEALED_MAX_BYTES: usize = 7 * 1024;

const PENDING: &str = "authorization request";
const SHOWN: &str = "authorization request shown for consent";

/// A checked request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Consumed by the decision.
    pub id: String,
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub address: ReturnAddress,
    /// The canonical id of the resource.
    pub resource: String,
    /// The scopes that were asked for and that the resource knows, separated by spaces.
    pub scope: String,
    /// Scopes that were asked for and that nobody here knows, as far as they are shown.
    pub unknown_scope: String,
    /// `S256` challenge.
    pub code_challenge: String,
    /// OpenID Connect `nonce`.
    pub nonce: Option<String>,
    /// Whose answer is wanted.
    pub person: WantedPerson,
    /// When it came.
    pub created_at: UnixSeconds,
    /// The session in which the person signed in for this very request: what `prompt=login` and `max_age` demand.
    pub signed_in: Option<SessionKey>,
}

/// A pending request as it was shown to somebody: only the same session may decide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownRequest {
    /// The request.
    pub request: PendingRequest,
    /// The session that saw the page.
    pub session: SessionKey,
    /// The user that it showed.
    pub user_id: String,
    /// The scopes that it offered, separated by spaces.
    pub offered: String,
    /// The organizations that it named, by id.
    pub organizations: Vec<String>,
    /// The resource's policy version whose tools it listed.
    pub policy_version: i64,
}

/// A session's hash in text form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey(String);

impl SessionKey {
    /// The key of the session with this hash.
    pub fn of(hash: &TokenHash) -> Self {
        Self(URL_SAFE_NO_PAD.encode(hash.0))
    }
}

impl PendingRequest {
    /// When its time is over.
    pub fn expires_at(&self) -> UnixSeconds {
        self.created_at + REQUEST_LIFETIME_SECONDS
    }

    /// The scopes that were asked for.
    pub fn asked(&self) -> ScopeSet {
        self.scope.parse().unwrap_or_default()
    }

    /// Whether the person signed in for this request in this session.
    pub fn is_signed_in_for(&self, session: &TokenHash) -> bool {
        self.signed_in == Some(SessionKey::of(session))
    }

    /// The text that travels through sign-in.
    pub fn seal(&self, sealing: &Sealing) -> String {
        seal(sealing, PENDING, self.expires_at(), self)
    }

    /// Whether the sealed text is short enough to travel in a URL.
    pub fn fits_into_url(&self, sealing: &Sealing) -> bool {
        self.seal(sealing).len() <= SEALED_MAX_BYTES
    }

    /// Opens what [`PendingRequest::seal`] made.
    ///
    /// # Errors
    /// [`PageRefusal::Expired`] or [`PageRefusal::Forged`].
    pub fn open(sealing: &Sealing, now: UnixSeconds, text: &str) -> Result<Self, PageRefusal> {
        open(sealing, PENDING, now, text)
    }
}

impl ShownRequest {
    /// The scopes that the page offered.
    pub fn offered(&self) -> ScopeSet {
        self.offered.parse().unwrap_or_default()
    }

    /// The text in the consent form.
    pub fn seal(&self, sealing: &Sealing) -> String {
        seal(sealing, SHOWN, self.request.expires_at(), self)
    }

    /// Opens what [`ShownRequest::seal`] made.
    ///
    /// # Errors
    /// [`PageRefusal::Expired`] or [`PageRefusal::Forged`].
    pub fn open(sealing: &Sealing, now: UnixSeconds, text: &str) -> Result<Self, PageRefusal> {
        open(sealing, SHOWN, now, text)
    }
}

fn seal(sealing: &Sealing, purpose: &str, expires_at: UnixSeconds, value: &impl Serialize) -> String {
    let plain = serde_json::to_vec(value).expect("texts and numbers have a JSON form");
    sealing.seal_text(purpose, expires_at, &plain)
}

fn open<T: DeserializeOwned>(sealing: &Sealing, purpose: &str, now: UnixSeconds, text: &str) -> Result<T, PageRefusal> {
    let plain = sealing.open_text(purpose, now, text)?;
    // Ours, but of another version of this server: as good as too old.
    serde_json::from_slice(&plain).map_err(|_| PageRefusal::Expired)
}
