//! How long things live, unless a resource or a client says otherwise.

use crate::config::AuthServerSettings;

/// Authorization codes (RFC 6749 §4.1.2 recommends at most ten minutes).
pub const CODE_TTL_SECONDS: i64 = 60;
/// The longest period in which a used refresh token is answered again: a thief in step with every honest refresh stays unseen
/// inside it (`docs/decisions/0003-racers-are-not-replays.md`).
pub const REFRESH_GRACE_MAX_SECONDS: i64 = 3600;

/// The lifetimes of an installation, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an access token whose resource names none: short, because a JWT outlives what it was made from (RFC 9700 §2.2.1).
    pub access_token_ttl_seconds: i64,
    /// Of a refresh token that is not used.
    pub refresh_idle_seconds: i64,
    /// Of a grant.
    pub grant_ttl_seconds: i64,
    /// The period in which a used refresh token is answered again, for clients that name none.
    pub refresh_grace_seconds: i64,
}

impl Lifetimes {
    /// What the configuration says.
    pub fn of(settings: &AuthServerSettings) -> Self {
        Self {
            access_token_ttl_seconds: settings.access_token_lifetime.seconds(),
            refresh_idle_seconds: settings.refresh_idle_lifetime.seconds(),
            grant_ttl_seconds: settings.refresh_absolute_lifetime.seconds(),
            refresh_grace_seconds: settings.refresh_grace.seconds(),
        }
    }
}
