//! How long things live, unless a resource or a client says otherwise.

use crate::config::AuthServerSettings;

/// Access tokens: short, because a JWT outlives what it was made from (RFC 9700 §2.2.1).
pub const ACCESS_TOKEN_TTL_SECONDS: i64 = 15 * 60;
/// Authorization codes (RFC 6749 §4.1.2 recommends at most ten minutes).
pub const CODE_TTL_SECONDS: i64 = 60;
/// A family that is not refreshed for so long ends.
pub const REFRESH_IDLE_SECONDS: i64 = 7 * 24 * 3600;
/// A grant ends after so long, however often it is refreshed.
pub const GRANT_TTL_SECONDS: i64 = 90 * 24 * 3600;

/// The lifetimes of an installation, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an access token whose resource names none.
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

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token_ttl_seconds: ACCESS_TOKEN_TTL_SECONDS,
            refresh_idle_seconds: REFRESH_IDLE_SECONDS,
            grant_ttl_seconds: GRANT_TTL_SECONDS,
            refresh_grace_seconds: crate::grants::refresh_token::decide::GRACE_SECONDS,
        }
    }
}
