//! What userinfo says of a person (OpenID Connect Core §5.1), by the scopes of the token.

use super::scopes::{EMAIL, PROFILE};
use crate::store::user_account::Profile;
use serde::Serialize;
use shared::{clock::UnixSeconds, protocol::scope::ScopeSet};

/// Every claim of ID tokens and userinfo, for the metadata.
pub const CLAIMS: [&str; 12] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "name",
    "updated_at",
    "email",
    "email_verified",
];

/// The members of a userinfo answer; nothing is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserClaims {
    /// The user, as in ID tokens.
    pub sub: String,
    /// The display name; by `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When name or address last changed; by `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<UnixSeconds>,
    /// The e-mail address; by `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Always false: nothing is ever sent to the address, so nobody has shown that it is theirs; by `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

impl UserClaims {
    /// What whoever holds `scope` may learn of the user.
    pub fn of(profile: &Profile, scope: &ScopeSet) -> Self {
        let (sees_name, sees_email) = (scope.contains(PROFILE), scope.contains(EMAIL));
        let user = &profile.user;
        Self {
            sub: user.id.clone(),
            name: sees_name.then(|| user.display_name.clone()),
            updated_at: sees_name.then_some(profile.updated_at),
            email: sees_email.then(|| user.email.as_str().to_owned()),
            email_verified: sees_email.then_some(false),
        }
    }
}
