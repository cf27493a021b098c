//! From a token's text to who calls: the cache first, then the keys or the word of whoever made it.

use super::issuers::{Identity, Issuers};
use crate::bearer::{
    cache::{TokenCache, TokenDigest},
    extract::extract,
    guesser::Guesser,
    not_identified::NotIdentified,
    refused_tokens::RefusedTokens,
    verified_token::{PrincipalShares, VerifiedToken},
};
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use shared::clock::UnixSeconds;
use std::sync::Arc;

/// A token with its digest; the text stays with the request.
#[derive(Debug, Clone)]
pub struct Identified {
    /// What the token says.
    pub token: Arc<VerifiedToken>,
    /// The SHA-256 of its text.
    pub digest: TokenDigest,
}

/// What identifies.
pub struct Identify {
    /// Tokens seen lately.
    pub cache: TokenCache,
    /// And those of them that are no good.
    pub refused: RefusedTokens,
    /// Whose tokens count.
    pub issuers: Issuers,
    /// What tokens of one principal share.
    pub shares: Arc<PrincipalShares>,
}

impl Identify {
    /// Nothing seen yet but what is in `cache`.
    pub fn new(cache: TokenCache, issuers: Issuers, shares: Arc<PrincipalShares>) -> Self {
        Self { cache, refused: RefusedTokens::default(), issuers, shares }
    }

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
        let verified = self.issuers.verify(text, &digest, guesser, now).await;
        if let Err(NotIdentified::Unfit(refusal)) = verified {
            self.refused.insert(digest, refusal, now);
        }
        let Identity { principal, key_id, own } = verified?;
        let token = Arc::new(VerifiedToken::new(principal, key_id, own, now, &self.shares));
        self.cache.insert(digest, token.clone());
        Ok(Identified { token, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::Identify;
    use std::mem::size_of;

    fn size_of_future<A, B, C, D, E, F>(_: impl FnOnce(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    /// It is copied for each new token; what few of them wait for belongs into a box.
    #[test]
    fn the_future_that_verifies_is_small() {
        let size = size_of_future(|identify: &'static Identify, text: &'static str, digest, guesser, now| {
            identify.verify(text, digest, guesser, now)
        });
        assert!(size < 2048, "{size}");
    }
}
