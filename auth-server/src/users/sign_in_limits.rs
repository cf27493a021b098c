//! How often a password may be guessed. Only failures count, so that an office behind one address never meets a limit; what is counted is what
//! was typed, whether or not there is such an account, so that the answer says nothing.
//!
//! A guess is counted before anything is compared and taken back when it was no wrong guess: guesses made at once are no more than guesses made
//! one by one.
//!
//! Whoever uses up the limit of an account shuts its owner out too, from everywhere but where the owner signed in before: a known device counts
//! apart, so that strangers cannot use up its limit.

use super::{Email, User, email::key_of};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::{
    ephemeral::EphemeralError,
    http::AddressBlock,
    rate_limit::{Limit, RateDecision, RateLimiter},
};

/// For one account from one address block: nobody mistypes more often.
pub const BY_ACCOUNT_AND_BLOCK: Limit = Limit { requests: 10, window_seconds: 15 * 60 };
/// For one account from everywhere: high, because whoever reaches it locks the account's owner out too.
pub const BY_ACCOUNT: Limit = Limit { requests: 100, window_seconds: 60 * 60 };
/// For one account from all devices on which its owner signed in before.
pub const BY_KNOWN_DEVICE: Limit = BY_ACCOUNT;
/// For all accounts from one address block.
pub const BY_BLOCK: Limit = Limit { requests: 100, window_seconds: 15 * 60 };

/// A limit that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// When to try again.
    pub retry_after_seconds: u32,
    /// What the caller is told of it: nothing where guesses from elsewhere are counted, too.
    pub told: Option<RateDecision>,
}

/// Whose password is tried, from where.
pub struct Guess {
    counters: [Counter; 3],
}

struct Counter {
    bucket: &'static str,
    key: String,
    limit: Limit,
    /// Whether the caller may hear how much is left: only where all guesses are the caller's own.
    is_told: bool,
}

impl Guess {
    /// A guess for the account that `typed` names, if there is one, in a browser where `known` signed in before.
    pub fn of(typed: &str, block: AddressBlock, known: Option<&User>) -> Self {
        // In the form by which accounts are found, or every way to write an address would have guesses of its own. Hashed: counters may lie in another store, and addresses of people have no business there.
        let account = URL_SAFE_NO_PAD.encode(Sha256::digest(key_of(typed).as_bytes()));
        let told = |bucket, key, limit| Counter { bucket, key, limit, is_told: true };
        let untold = |bucket, key, limit| Counter { bucket, key, limit, is_told: false };
        let by_account_and_block =
            told("sign-in account and block", format!("{account} {block}"), BY_ACCOUNT_AND_BLOCK);
        let by_account =
            match known.filter(|user| Email::parse(typed).is_ok_and(|typed| typed.key() == user.email.key())) {
                Some(user) => untold("sign-in known device", user.id.clone(), BY_KNOWN_DEVICE),
                None => untold("sign-in account", account, BY_ACCOUNT),
            };
        let by_block = told("sign-in block", block.to_string(), BY_BLOCK);
        Self { counters: [by_account_and_block, by_account, by_block] }
    }

    /// Counts the guess; the limit that there were too many for: then it is not counted, and nothing may be compared.
    ///
    /// # Errors
    /// [`EphemeralError`] when the counters do not answer: then nothing is tried.
    pub async fn begin(&self, limits: &RateLimiter) -> Result<Option<Spent>, EphemeralError> {
        for (index, Counter { bucket, key, limit, is_told }) in self.counters.iter().enumerate() {
            let decision = limits.check(bucket, key, *limit).await?;
            if !decision.allowed {
                self.take_back_first(index + 1, limits).await?;
                let told = is_told.then_some(decision);
                return Ok(Some(Spent { retry_after_seconds: decision.reset_seconds, told }));
            }
        }
        Ok(None)
    }

    /// Takes back what [`Guess::begin`] counted: the password was right, or could not be compared.
    ///
    /// # Errors
    /// [`EphemeralError`] when the counters do not answer.
    pub async fn take_back(&self, limits: &RateLimiter) -> Result<(), EphemeralError> {
        self.take_back_first(self.counters.len(), limits).await
    }

    async fn take_back_first(&self, count: usize, limits: &RateLimiter) -> Result<(), EphemeralError> {
        for Counter { bucket, key, .. } in &self.counters[..count] {
            limits.take_back(bucket, key).await?;
        }
        Ok(())
    }
}
