//! The times of a key's life: next → active → retired → gone.
//!
//! Whoever holds a token that has not ended must find its key in the JWKS, and whoever cached the JWKS must hold a key before it signs.

use crate::store::signing_key::KeyLife;
use shared::{clock::UnixSeconds, protocol::access_token_claims::ACCESS_TOKEN_MAX_TTL_SECONDS};
use std::time::Duration;

/// How long caches may keep the JWKS without asking again.
pub const JWKS_MAX_AGE_SECONDS: u32 = 300;
/// An instance that could not look for changed keys for so long signs nothing more: one of its keys may be retired or revoked.
pub const KEY_RELOAD_INTERVAL_SECONDS: i64 = 60;
/// A next key is published so long before it signs: until every instance publishes it, and every cache asked again.
pub const PUBLISHED_BEFORE_SIGNING_SECONDS: i64 = JWKS_MAX_AGE_SECONDS as i64 + KEY_RELOAD_INTERVAL_SECONDS;
/// So long before it signs when somebody is in a hurry: until an instance that does not publish it is not ready any more (30 s), and a
/// verifier that asks again about a key it does not know may do so (ours after 10 s, common libraries after 30 s).
pub const PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS: i64 = 40;
/// Nothing that a key signs lives longer: access tokens, ID tokens. What signs more kinds of texts asserts the same of theirs.
pub const SIGNED_MAX_TTL_SECONDS: i64 = ACCESS_TOKEN_MAX_TTL_SECONDS;
const _: () = assert!(SIGNED_MAX_TTL_SECONDS >= crate::tokens::id_token::ID_TOKEN_TTL_SECONDS);
/// A retired key is gone after this: what it signed last has ended, wherever the JWKS was cached and whichever instance signed late.
pub const RETIRED_SECONDS: i64 = SIGNED_MAX_TTL_SECONDS + PUBLISHED_BEFORE_SIGNING_SECONDS;
/// More keys are not published at a time: a set of keys has its limits with whoever reads it.
pub const PUBLISHED_MAX_KEYS: usize = 48;
const _: () = assert!(PUBLISHED_MAX_KEYS < shared::protocol::jwk::JWK_SET_MAX_KEYS);
/// The shortest period in which keys are replaced by themselves: two keys an algorithm are published at a time, and three for a while.
pub const ROTATION_PERIOD_MIN_SECONDS: u32 = 24 * 3600;
/// The longest: a key that nobody replaces is a key whose theft nobody ends.
pub const ROTATION_PERIOD_MAX_SECONDS: u32 = 365 * 24 * 3600;
const _: () = assert!(RETIRED_SECONDS < 2 * ROTATION_PERIOD_MIN_SECONDS as i64);
/// The key of new families of refresh tokens is replaced after this. Families keep theirs, so there are about ten at a time.
pub const SUCCESSOR_KEY_PERIOD_SECONDS: i64 = 90 * 24 * 3600;
/// A retired successor key is kept at least this long, for an instance that begins a family before it heard of the next one.
pub const SUCCESSOR_KEY_RETIRED_SECONDS: i64 = 3600;
const _: () = assert!(SUCCESSOR_KEY_RETIRED_SECONDS > KEY_RELOAD_INTERVAL_SECONDS);

/// The interval as a length of time.
pub const KEY_RELOAD_INTERVAL: Duration = Duration::from_secs(KEY_RELOAD_INTERVAL_SECONDS.unsigned_abs());

/// The states of a key that is not gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Published; signs from then on.
    Next {
        /// When it may sign.
        activates_at: UnixSeconds,
    },
    /// Signs.
    Active {
        /// Since when.
        since: UnixSeconds,
    },
    /// Published until then.
    Retired {
        /// When it is gone.
        gone_at: UnixSeconds,
    },
}

impl Stage {
    /// Where `life` stands.
    pub fn of(life: &KeyLife) -> Self {
        match (life.activated_at, life.retired_at) {
            (_, Some(retired_at)) => Self::Retired { gone_at: retired_at + RETIRED_SECONDS },
            (Some(since), None) => Self::Active { since },
            (None, None) => {
                let in_time = life.published_at + PUBLISHED_BEFORE_SIGNING_SECONDS;
                Self::Next { activates_at: life.activates_at.unwrap_or(in_time) }
            }
        }
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next { .. } => "next",
            Self::Active { .. } => "active",
            Self::Retired { .. } => "retired",
        }
    }
}
