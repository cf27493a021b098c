//! The chain of a family: `next(X) = HMAC-SHA-256(k, X ‖ family ‖ generation)`.
//!
//! Whoever holds a token in plain reaches its successors; neither the database, which has hashes, nor the key alone does.

use crate::{app::App, grants::GrantRefusal, store::authorization_grant::AuthorizationGrant};
use keys::RefreshSuccessorKey;
use shared::protocol::opaque_token::{OpaqueToken, TokenHash, TokenKind};
use std::sync::Arc;
use zeroize::Zeroize as _;

/// More generations than this do not lie within the longest grace period at the permitted rate.
const WALK_MAX_GENERATIONS: i64 = 16_384;

/// A family's chain, ready to be walked.
pub struct Chain<'a> {
    key: Arc<RefreshSuccessorKey>,
    family: &'a str,
}

impl<'a> Chain<'a> {
    /// The chain of this grant's family.
    ///
    /// # Errors
    /// [`GrantRefusal::Chain`] when its key is not loaded.
    pub fn of(app: &App, grant: &'a AuthorizationGrant) -> Result<Self, GrantRefusal> {
        let id = grant.successor_key_id.as_deref().ok_or(GrantRefusal::Chain("the family names no key"))?;
        let key = app.successor_keys.find(id).ok_or(GrantRefusal::Chain("the family's key is not loaded"))?;
        Ok(Self { key, family: &grant.id })
    }

    /// The token after `token`, whose own generation is `generation - 1`.
    pub fn next(&self, token: &OpaqueToken, generation: i64) -> OpaqueToken {
        let mut entropy = self.key.next(token.expose(), self.family, generation);
        let next = OpaqueToken::from_entropy(TokenKind::RefreshToken, &entropy);
        entropy.zeroize();
        next
    }

    /// Walks from `token` of generation `from` to generation `to`, which must hash to `expected`.
    ///
    /// # Errors
    /// [`GrantRefusal::Chain`] when it does not lead there: nothing is answered then.
    pub fn walk(
        &self,
        token: &OpaqueToken,
        from: i64,
        to: i64,
        expected: &TokenHash,
    ) -> Result<OpaqueToken, GrantRefusal> {
        if !(1..=WALK_MAX_GENERATIONS).contains(&(to - from)) {
            return Err(GrantRefusal::Chain("the live token is not within reach"));
        }
        let reached = (from + 1..=to).fold(token.clone(), |reached, generation| self.next(&reached, generation));
        if reached.hash() == *expected { Ok(reached) } else { Err(GrantRefusal::Chain("the walk ends elsewhere")) }
    }
}
