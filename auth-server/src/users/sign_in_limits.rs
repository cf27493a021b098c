//! How often a password may be guessed. Only failures count, so that an office behind one address never meets a limit; what is counted is what
//! was typed, whether or not there is such an account, so that the answer says nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::{
    ephemeral::EphemeralError,
    http::AddressBlock,
    rate_limit::{Limit, RateLimiter},
};

/// For one account from one address block: nobody mistypes more often.
pub const BY_ACCOUNT_AND_BLOCK: Limit = Limit { requests: 10, window_seconds: 15 * 60 };
/// For one account from everywhere: high, because whoever reaches it locks the account's owner out too.
pub const BY_ACCOUNT: Limit = Limit { requests: 100, window_seconds: 60 * 60 };
/// For all accounts from one address block.
pub const BY_BLOCK: Limit = Limit { requests: 100, window_seconds: 15 * 60 };

/// Whose password is tried, from where.
pub struct Guess {
    counters: [(&'static str, String, Limit); 3],
}

impl Guess {
    /// A guess for the account that `typed` names, if there is one.
    pub fn of(typed: &str, block: AddressBlock) -> Self {
        // Hashed: counters may lie in another store, and addresses of people have no business there.
        let account = URL_SAFE_NO_PAD.encode(Sha256::digest(typed.trim().to_lowercase().as_bytes()));
        let counters = [
            ("sign-in account and block", format!("{account} {block}"), BY_ACCOUNT_AND_BLOCK),
            ("sign-in account", account, BY_ACCOUNT),
            ("sign-in block", block.to_string(), BY_BLOCK),
        ];
        Self { counters }
    }

    /// The seconds to wait before another guess, if there were too many.
    ///
    /// # Errors
    /// [`EphemeralError`] when the counters do not answer: then nothing is tried.
    pub async fn wait_seconds(&self, limits: &RateLimiter) -> Result<Option<u32>, EphemeralError> {
        let mut wait = None;
        for (bucket, key, limit) in &self.counters {
            let decision = limits.look(bucket, key, *limit).await?;
            let used_up = decision.filter(|decision| decision.remaining == 0);
            wait = wait.max(used_up.map(|decision| decision.reset_seconds));
        }
        Ok(wait)
    }

    /// Counts a wrong guess.
    ///
    /// # Errors
    /// [`EphemeralError`] when the counters do not answer.
    pub async fn record_failure(&self, limits: &RateLimiter) -> Result<(), EphemeralError> {
        for (bucket, key, limit) in &self.counters {
            limits.check(bucket, key, *limit).await?;
        }
        Ok(())
    }
}
