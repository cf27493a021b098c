//! What a client registered of OpenID Connect (Registration §2, RP-Initiated Logout §3.1): only what is honoured, and only that is answered.

use serde::{Deserialize, Serialize};
use shared::protocol::token_algorithm::TokenAlgorithm;

/// The one subject type there is: a user has the same `sub` for every client.
pub const SUBJECT_TYPE: &str = "public";

/// A client's OpenID Connect metadata, in the form of a registration answer; what was not asked for is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdMetadata {
    /// Where a browser may be sent after signing out; compared as exact strings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// How its ID tokens are signed; absent means the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<TokenAlgorithm>,
    /// `public`, when it asked for a subject type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<String>,
    /// `max_age` in seconds of requests that send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<i64>,
    /// Whether it counts on `auth_time`, which every ID token has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_auth_time: Option<bool>,
}

impl OpenIdMetadata {
    /// Whether a browser may be sent there after signing out.
    pub fn may_return_to(&self, uri: &str) -> bool {
        self.post_logout_redirect_uris.iter().any(|registered| registered == uri)
    }
}
