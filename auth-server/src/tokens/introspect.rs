//! What a caller may learn of a token (RFC 7662 §2.2, §4): whoever may not learn it hears the same as of a token that does not
//! exist, so that the endpoint is no oracle.

use super::inspect::{RevocationsUnknown, inspect};
use crate::{
    app::App,
    clients::{Client, ClientOrigin},
    store::refresh_token::{self, PresentedToken},
};
use serde::Serialize;
use shared::{
    clock::UnixSeconds,
    db::StoreError,
    protocol::{
        access_token_claims::AccessTokenClaims,
        opaque_token::{OpaqueToken, TokenKind},
    },
};

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IntrospectionError {
    /// A public client asked, or one that registered itself asked for others.
    #[error("the caller may not introspect")]
    NotPermitted,
    /// Nothing can be said about revocation.
    #[error(transparent)]
    RevocationsUnknown(#[from] RevocationsUnknown),
    /// The store decided nothing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// RFC 7662 §2.2. No `username`: an e-mail address is for nobody who was not given it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Introspection {
    /// Exactly `{"active":false}`.
    Inactive {
        /// False.
        active: bool,
    },
    /// An access token that is good.
    AccessToken {
        /// True.
        active: bool,
        /// How it is presented.
        token_type: &'static str,
        /// Everything it says itself.
        #[serde(flatten)]
        claims: Box<AccessTokenClaims>,
    },
    /// A refresh token that is live.
    RefreshToken {
        /// True.
        active: bool,
        /// What its grant allows.
        scope: String,
        /// Whose it is.
        client_id: String,
        /// Who allowed it.
        sub: String,
        /// The resource.
        aud: String,
        /// This server.
        iss: String,
        /// Its idle end.
        exp: UnixSeconds,
        /// Its grant.
        grant_id: String,
        /// The tenant of the organization that the grant chose.
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant_id: Option<String>,
        /// The organization that the grant chose.
        #[serde(skip_serializing_if = "Option::is_none")]
        organization_id: Option<String>,
    },
}

impl Introspection {
    /// What is said of everything that is not good, not known, or not the caller's business.
    pub const INACTIVE: Self = Self::Inactive { active: false };
}

/// Describes `token` to `caller`, which is authenticated.
///
/// # Errors
/// The caller may not ask, or nothing can be said.
pub async fn introspect(
    app: &App,
    caller: &Client,
    token: &str,
    now: UnixSeconds,
) -> Result<Introspection, IntrospectionError> {
    if caller.is_public() {
        return Err(IntrospectionError::NotPermitted);
    }
    if let Some(token) = OpaqueToken::parse(TokenKind::RefreshToken, token) {
        let stored = refresh_token::find(&mut app.store.read(), &token.hash()).await?;
        let mine = stored.filter(|stored| stored.grant.client_id == caller.id && is_live(stored, now));
        return Ok(mine.map_or(Introspection::INACTIVE, |stored| describe(&app.issuer, stored)));
    }
    let claims = inspect(app, token, now).await?.filter(|claims| may_learn(app, caller, claims));
    Ok(claims.map_or(Introspection::INACTIVE, |claims| Introspection::AccessToken {
        active: true,
        token_type: "Bearer",
        claims: Box::new(claims),
    }))
}

/// The client it was issued to, and the resource server that owns its audience.
fn may_learn(app: &App, caller: &Client, claims: &AccessTokenClaims) -> bool {
    let owns = || {
        caller.origin == ClientOrigin::ResourceServer
            && app.resources.find(&claims.aud).is_some_and(|resource| resource.owner_client_id == caller.id)
    };
    claims.client_id == caller.id || owns()
}

fn is_live(stored: &PresentedToken, now: UnixSeconds) -> bool {
    let unused = stored.answered_at.is_none() && stored.superseded_at.is_none();
    let stands = stored.grant.revoked_at.is_none() && stored.standing().is_some();
    unused && stands && now < stored.expires_at.min(stored.grant.expires_at)
}

fn describe(issuer: &str, stored: PresentedToken) -> Introspection {
    Introspection::RefreshToken {
        active: true,
        scope: stored.grant.scope.to_string(),
        client_id: stored.grant.client_id,
        sub: stored.grant.user_id,
        aud: stored.grant.resource,
        iss: issuer.to_owned(),
        exp: stored.expires_at,
        grant_id: stored.grant.id,
        tenant_id: stored.holder.membership.map(|membership| membership.tenant_id),
        organization_id: stored.grant.organization_id,
    }
}
