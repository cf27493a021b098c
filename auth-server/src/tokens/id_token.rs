//! ID tokens (OpenID Connect Core §2, §3.1.3.6, §12.2). Name and address are not in them: there is always an access token to ask userinfo
//! with (§5.4).

use crate::{clients::Client, identity::scopes::OPENID};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::{KeyRing, SigningError};
use sha2::{Digest as _, Sha256};
use shared::{
    clock::UnixSeconds,
    protocol::{
        jwt::{ID_TOKEN_TYP, IdTokenClaims},
        scope::ScopeSet,
        token_algorithm::TokenAlgorithm,
    },
    secret::Secret,
};

/// How long an ID token is good: to sign somebody in at the client, not to keep them signed in. An ended one is still good as a hint.
pub const ID_TOKEN_TTL_SECONDS: i64 = 60 * 60;
/// What clients get that registered no algorithm (OpenID Connect Registration §2, `id_token_signed_response_alg`).
pub const ID_TOKEN_DEFAULT_ALGORITHM: TokenAlgorithm = TokenAlgorithm::Rs256;

/// What an ID token is to say.
#[derive(Debug, Clone, Copy)]
pub struct IdTokenRequest<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// The user.
    pub subject: &'a str,
    /// Whom it is for: audience and algorithm.
    pub client: &'a Client,
    /// What the access token beside it may be used for; without `openid` there is no ID token.
    pub scope: &'a ScopeSet,
    /// When the user signed in.
    pub authenticated_at: UnixSeconds,
    /// `nonce` of the authorization request; absent at a refresh (§12.2).
    pub nonce: Option<&'a str>,
    /// The access token beside it.
    pub access_token: &'a Secret,
}

/// Signs an ID token, if the scope has `openid`. Call it before the transaction that decides whether it is shown.
///
/// # Errors
/// There is no key to sign with.
pub fn mint_id_token(
    request: &IdTokenRequest<'_>,
    keys: &KeyRing,
    now: UnixSeconds,
) -> Result<Option<Secret>, SigningError> {
    if !request.scope.contains(OPENID) {
        return Ok(None);
    }
    let claims = IdTokenClaims {
        iss: request.issuer.to_owned(),
        sub: request.subject.to_owned(),
        aud: request.client.id.clone(),
        exp: now + ID_TOKEN_TTL_SECONDS,
        iat: now,
        auth_time: request.authenticated_at,
        nonce: request.nonce.map(str::to_owned),
        at_hash: Some(at_hash(request.access_token.expose())),
    };
    let algorithm = request.client.openid.id_token_signed_response_alg.unwrap_or(ID_TOKEN_DEFAULT_ALGORITHM);
    keys.sign(algorithm, ID_TOKEN_TYP, &claims).map(|token| Some(Secret::new(token)))
}

/// The left half of the hash that the signature's algorithm uses: SHA-256 for both of ours.
fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::at_hash;

    /// OpenID Connect Core appendix A.3.
    #[test]
    fn the_example_of_the_specification() {
        assert_eq!(at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
