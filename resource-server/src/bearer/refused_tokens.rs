//! Tokens that their issuer signed and that are good for nothing here, by the SHA-256 of the token: neither is their signature looked at twice
//! within a minute. Nobody pays for a good signature, so this is all that keeps a flood of one expired token cheap.

use super::cache::TokenDigest;
use shared::{clock::UnixSeconds, metrics::Counter, protocol::jwt::JwtRefusal};
use std::time::Duration;

/// A refused token is looked at anew after this long.
pub const REFUSED_MAX_AGE_SECONDS: i64 = 60;
/// More of them are not remembered (about 150 bytes each). Whoever wants to fill this needs as many tokens that were signed for somebody.
const REFUSED_MAX_TOKENS: u64 = 10_000;

/// Those refused lately, and when.
pub struct RefusedTokens {
    refused: moka::sync::Cache<TokenDigest, (JwtRefusal, UnixSeconds)>,
    /// How often one of them came again.
    pub remembered: Counter,
}

impl Default for RefusedTokens {
    fn default() -> Self {
        let max_age = Duration::from_secs(REFUSED_MAX_AGE_SECONDS.unsigned_abs());
        let refused = moka::sync::Cache::builder().max_capacity(REFUSED_MAX_TOKENS).time_to_live(max_age).build();
        Self { refused, remembered: Counter::default() }
    }
}

impl RefusedTokens {
    /// Why the token with this digest was refused within the last minute before `now`.
    pub fn recall(&self, digest: &TokenDigest, now: UnixSeconds) -> Option<JwtRefusal> {
        // Nearly always there is none; looking whether there is one locks nothing and leaves no trace in the cache.
        let (refusal, at) = self.refused.contains_key(digest).then(|| self.refused.get(digest))??;
        // A token that had expired may be good again when the clock was set back.
        let recalled = (0..REFUSED_MAX_AGE_SECONDS).contains(&now.saturating_sub(at)).then_some(refusal);
        if recalled.is_some() {
            self.remembered.increment();
        }
        recalled
    }

    /// Remembers that the token with this digest verified at `now` and was refused for what it says; unless that mends itself with time.
    pub fn insert(&self, digest: TokenDigest, refusal: JwtRefusal, now: UnixSeconds) {
        if refusal != JwtRefusal::NotYetValid {
            self.refused.insert(digest, (refusal, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{REFUSED_MAX_AGE_SECONDS, RefusedTokens};
    use shared::protocol::jwt::JwtRefusal;

    #[test]
    fn what_lasts_is_remembered_for_a_minute_of_a_clock_that_goes_on() {
        let refused = RefusedTokens::default();
        refused.insert([1; 32], JwtRefusal::Expired, 1000);
        refused.insert([2; 32], JwtRefusal::NotYetValid, 1000);
        for (now, recalled) in [
            (999, None),
            (1000, Some(JwtRefusal::Expired)),
            (1000 + REFUSED_MAX_AGE_SECONDS - 1, Some(JwtRefusal::Expired)),
            (1000 + REFUSED_MAX_AGE_SECONDS, None),
        ] {
            assert_eq!(refused.recall(&[1; 32], now), recalled, "{now}");
        }
        assert_eq!(refused.recall(&[2; 32], 1000), None, "it may be good in a moment");
        assert_eq!(refused.recall(&[3; 32], 1000), None);
        assert_eq!(refused.remembered.get(), 2);
    }
}
