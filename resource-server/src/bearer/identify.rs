//! From a token's text to who calls: the cache first, then the issuer's keys.

use super::{
    cache::{TokenCache, TokenDigest},
    extract::{NoToken, extract},
    principal::Principal,
    verified_token::{PrincipalShares, VerifiedToken},
};
use crate::issuer::jwks::{JwksCache, NoKeys, Snapshot, Unknown};
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::EXPIRY_LEEWAY_SECONDS,
        jwt::{Audience, Expectation, JwtRefusal, key_id, verify_access_token},
    },
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
    /// It cannot be judged just now.
    NoKeys,
}

/// What identifies.
pub struct Identify {
    /// Tokens seen lately.
    pub cache: TokenCache,
    /// The issuer's keys.
    pub jwks: Arc<JwksCache>,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, byte for byte.
    pub audience: String,
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

    /// Verifies a token that is not remembered.
    ///
    /// # Errors
    /// [`NotIdentified`].
    pub async fn verify(&self, text: &str, digest: TokenDigest, now: UnixSeconds) -> Result<Identified, NotIdentified> {
        let no_keys = |NoKeys| NotIdentified::NoKeys;
        let snapshot = self.jwks.keys(now).await.map_err(no_keys)?;
        let principal = match self.check(text, &snapshot, now) {
            Err(JwtRefusal::UnknownKid) => self.look_for_key(text, &snapshot, now).await?,
            decided => decided,
        };
        let principal = principal.map_err(NotIdentified::Refused)?;
        let key_id = key_id(text).unwrap_or_default();
        let token = Arc::new(VerifiedToken::new(principal, key_id, now, &self.shares));
        self.cache.insert(digest, token.clone());
        Ok(Identified { token, digest })
    }

    /// Checks a token again whose key was unknown.
    async fn look_for_key(
        &self,
        text: &str,
        seen: &Snapshot,
        now: UnixSeconds,
    ) -> Result<Result<Principal, JwtRefusal>, NotIdentified> {
        let kid = key_id(text).unwrap_or_default();
        match self.jwks.look_for(&kid, seen, now).await.map_err(|NoKeys| NotIdentified::NoKeys)? {
            Unknown::Newer(newer) => match self.check(text, &newer, now) {
                Err(JwtRefusal::UnknownKid) => match newer.was_withdrawn(&kid, now) {
                    // It went with that very fetch.
                    Ok(true) => Err(NotIdentified::WithdrawnKey),
                    Ok(false) => Ok(Err(JwtRefusal::UnknownKid)),
                    Err(NoKeys) => Err(NotIdentified::NoKeys),
                },
                decided => Ok(decided),
            },
            Unknown::Withdrawn => Err(NotIdentified::WithdrawnKey),
            Unknown::Nonsense => Ok(Err(JwtRefusal::UnknownKid)),
        }
    }

    fn check(&self, text: &str, snapshot: &Snapshot, now: UnixSeconds) -> Result<Principal, JwtRefusal> {
        let expectation = Expectation {
            issuer: &self.issuer,
            audience: Audience::Exact(&self.audience),
            now,
            leeway_seconds: EXPIRY_LEEWAY_SECONDS,
        };
        let keys = snapshot.keys.as_ref().ok_or(JwtRefusal::UnknownKid)?;
        verify_access_token(text, keys, &expectation).map(Principal::from)
    }
}

/// Whether a refused token was never one of ours. Those count against whoever sends them; an honest client's expired
/// token does not. The signature is checked before the claims, so a refusal about a claim means that the issuer made it.
pub fn is_forged(refusal: JwtRefusal) -> bool {
    match refusal {
        JwtRefusal::TooLong
        | JwtRefusal::Malformed
        | JwtRefusal::Type
        | JwtRefusal::Algorithm
        | JwtRefusal::Critical
        | JwtRefusal::OwnKey
        | JwtRefusal::MissingKid
        | JwtRefusal::UnknownKid
        | JwtRefusal::Signature => true,
        JwtRefusal::Claim(_)
        | JwtRefusal::Claims
        | JwtRefusal::Issuer
        | JwtRefusal::Subject
        | JwtRefusal::Audience
        | JwtRefusal::Expired
        | JwtRefusal::NotYetValid
        | JwtRefusal::Lifetime
        | JwtRefusal::SenderConstrained => false,
    }
}
