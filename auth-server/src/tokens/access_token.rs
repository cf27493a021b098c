//! Access tokens: JWTs of RFC 9068 for exactly one resource.

use super::Lifetimes;
use crate::{organizations::Standing, resources::Resource};
use keys::{KeyRing, SigningError};
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::{ACCESS_TOKEN_TYP, AccessTokenClaims},
        scope::ScopeSet,
    },
    random::{Random, random_id},
    secret::Secret,
};

/// What a token is to say.
#[derive(Debug, Clone, Copy)]
pub struct AccessTokenRequest<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// The user, or for a machine's token the client.
    pub subject: &'a str,
    /// The client it is for.
    pub client_id: &'a str,
    /// The resource: audience, lifetime and algorithm.
    pub resource: &'a Resource,
    /// What it may be used for.
    pub scope: &'a ScopeSet,
    /// What a machine could have asked for; for a user what it is used for.
    pub registered_scope: &'a ScopeSet,
    /// The user and the grant behind it; absent for machines.
    pub user: Option<GrantClaims<'a>>,
}

/// What only tokens of users say.
#[derive(Debug, Clone, Copy)]
pub struct GrantClaims<'a> {
    /// The grant.
    pub grant_id: &'a str,
    /// Its absolute end: no token outlives it.
    pub grant_expires_at: UnixSeconds,
    /// The roles that count, and the organization that the grant chose.
    pub standing: &'a Standing,
    /// When the user signed in.
    pub authenticated_at: UnixSeconds,
}

/// A signed token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The JWT.
    pub token: Secret,
    /// `expires_in`: `exp` is `iat` plus this.
    pub expires_in_seconds: i64,
}

/// Signs a token. Call it before the transaction that decides whether it is shown.
///
/// # Errors
/// There is no key to sign with.
pub fn mint(
    request: &AccessTokenRequest<'_>,
    keys: &KeyRing,
    lifetimes: &Lifetimes,
    random: &dyn Random,
    now: UnixSeconds,
) -> Result<AccessToken, SigningError> {
    let own = request.resource.access_token_ttl_seconds.unwrap_or(lifetimes.access_token_ttl_seconds);
    let left = request.user.map_or(i64::MAX, |user| user.grant_expires_at - now);
    let expires_in_seconds = own.min(left).max(1);
    let chosen = request.user.and_then(|user| user.standing.organization.as_ref());
    let claims = AccessTokenClaims {
        iss: request.issuer.to_owned(),
        sub: request.subject.to_owned(),
        aud: request.resource.id.clone(),
        exp: now + expires_in_seconds,
        iat: now,
        jti: random_id(random),
        client_id: request.client_id.to_owned(),
        scope: request.scope.clone(),
        registered_scope: if request.registered_scope == request.scope {
            ScopeSet::default()
        } else {
            request.registered_scope.clone()
        },
        roles: request.user.map_or_else(Vec::new, |user| user.standing.roles.clone()),
        auth_time: request.user.map(|user| user.authenticated_at),
        grant_id: request.user.map(|user| user.grant_id.to_owned()),
        tenant_id: chosen.map(|organization| organization.tenant_id.clone()),
        organization_id: chosen.map(|organization| organization.id.clone()),
    };
    let token = Secret::new(keys.sign(request.resource.algorithm, ACCESS_TOKEN_TYP, &claims)?);
    Ok(AccessToken { token, expires_in_seconds })
}
