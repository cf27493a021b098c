//! From a token's text to who calls: the cache first, then the keys or the word of whoever made it.

use super::{
    cache::{TokenCache, TokenDigest},
    extract::{NoToken, extract},
    guesser::Guesser,
    issuers::Issuers,
    verified_token::{PrincipalShares, VerifiedToken},
};
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use shared::{
    clock::UnixSeconds,
    protocol::jwt::{JwtRefusal, key_id},
    rate_limit::RateDecision,
};
use std::sync::Arc;

/// A token with its digest; the text stays with the request.
#[derive(Debug, Clone)]
pub struct Identified {
    /// What the token says.
    pub token: Arc<VerifiedToken>,
    /// The SHA-256 of its text.
    pub digest: TokenDigest,
}

/// Why nobody is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIdentified {
    /// There is no token, or not one.
    NoToken(NoToken),
    /// There is one, and it is not good.
    Refused(JwtRefusal),
    /// There is one that names a key which the issuer has withdrawn: its client is to get another one, and forged nothing.
    WithdrawnKey,
    /// There is one that verified, and whoever made it says that it is over.
    Inactive,
    /// There is one that whoever was asked about it does not know.
    Unknown,
    /// There is one that whoever was asked about it will not look at.
    Declined,
    /// It cannot be judged just now: there are no keys, or nobody answers.
    NotNow,
    /// Nobody was asked about it, because whoever sent it sent too many that nobody made.
    Spent(RateDecision),
}

/// What identifies.
pub struct Identify {
    /// Tokens seen lately.
    pub cache: TokenCache,
    /// Whose tokens count.
    pub issuers: Issuers,
    /// What tokens of one principal share.
    pub shares: PrincipalShares,
}

impl Identify {
    /// The token text of a request.
    ///
    /// # Errors
    /// [`NotIdentified::NoToken`].
    pub fn text<'p>(&self, parts: &'p Parts) -> Result<&'p str, NotIdentified> {
        extract(&parts.headers, parts.uri.query()).map_err(NotIdentified::NoToken)
    }

    /// The token if it was verified lately.
    pub fn remembered(&self, text: &str, now: UnixSeconds) -> Result<Identified, TokenDigest> {
        let digest: TokenDigest = Sha256::digest(text.as_bytes()).into();
        self.cache.get(&digest, now).map(|token| Identified { token, digest }).ok_or(digest)
    }

    /// Verifies a token that is not remembered and came from `guesser`, where that is known.
    ///
    /// # Errors
    /// [`NotIdentified`].
    pub async fn verify(
        &self,
        text: &str,
        digest: TokenDigest,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<Identified, NotIdentified> {
        let (principal, own) = self.issuers.verify(text, &digest, guesser, now).await?;
        let key_id = key_id(text).unwrap_or_default();
        let token = Arc::new(VerifiedToken::new(principal, key_id, own, now, &self.shares));
        self.cache.insert(digest, token.clone());
        Ok(Identified { token, digest })
    }
}

impl NotIdentified {
    /// Whether it counts against whoever sent the token: it was nobody's, as far as can be told.
    pub fn is_guess(self) -> bool {
        match self {
            Self::Refused(refusal) => is_forged(refusal),
            Self::Unknown | Self::Declined => true,
            Self::NoToken(_) | Self::WithdrawnKey | Self::Inactive | Self::NotNow | Self::Spent(_) => false,
        }
    }
}

/// Whether a refused token was never made by anybody who is trusted. Those count against whoever sends them; an honest client's expired
/// token does not. The issuer is read first and the signature is checked before all other claims, so a refusal about one of those means that
/// the issuer made it.
fn is_forged(refusal: JwtRefusal) -> bool {
    match refusal {
        JwtRefusal::TooLong
        | JwtRefusal::Malformed
        | JwtRefusal::Type
        | JwtRefusal::Algorithm
        | JwtRefusal::Critical
        | JwtRefusal::OwnKey
        | JwtRefusal::MissingKid
        | JwtRefusal::UnknownKid
        | JwtRefusal::Claim("iss")
        | JwtRefusal::Issuer
        | JwtRefusal::Signature => true,
        JwtRefusal::Claim(_)
        | JwtRefusal::Claims
        | JwtRefusal::Subject
        | JwtRefusal::Audience
        | JwtRefusal::Expired
        | JwtRefusal::NotYetValid
        | JwtRefusal::Lifetime
        | JwtRefusal::SenderConstrained => false,
    }
}
