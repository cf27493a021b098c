//! The guard of this server's own interfaces: a bearer token with the scope that is needed (RFC 6750), through oxide-auth's resource
//! machine; for `{issuer}/api` in the header and for exactly this audience.

use super::bearer::Bearer;
use crate::{
    app::App,
    error::OAuthError,
    grants::machine::{REDIRECT_URI_OMITTED, scope_in, until},
    tokens::inspect,
};
use http::{HeaderMap, StatusCode, header};
use oxide_auth::{
    code_grant::resource::{Error, ErrorCode as MachineCode, Input, Output, Request, Resource},
    primitives::{
        grant::{Extensions, Grant},
        scope::Scope,
    },
};
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::AccessTokenClaims, error_code::ErrorCode, scope::ScopeSet, www_authenticate::Challenge,
    },
};
use std::borrow::Cow;

/// What the machine asks for next, owned, so that it may be awaited.
enum Next {
    Request,
    Scopes,
    Recover(String),
}

struct BearerRequest<'a> {
    header: Option<&'a str>,
    is_well_formed: bool,
}

impl Request for BearerRequest<'_> {
    fn valid(&self) -> bool {
        self.is_well_formed
    }
    fn token(&self) -> Option<Cow<'_, str>> {
        self.header.map(Cow::Borrowed)
    }
}

/// The claims of a token that may use an interface which needs `scope`.
///
/// # Errors
/// 401 or 403 with a challenge (RFC 6750 §3), or 503 when nothing can be said about revocation.
pub async fn require(
    app: &App,
    headers: &HeaderMap,
    scope: &str,
    now: UnixSeconds,
) -> Result<AccessTokenClaims, OAuthError> {
    require_one_of(app, headers, &[scope], now).await
}

/// The claims of a token that may use an interface for which any one of `accepted` is enough; the first is what the challenge names.
///
/// # Errors
/// As [`require`].
pub async fn require_one_of(
    app: &App,
    headers: &HeaderMap,
    accepted: &[&str],
    now: UnixSeconds,
) -> Result<AccessTokenClaims, OAuthError> {
    let audience = app.resources.management();
    drive(app, &BearerRequest::of(headers), Some(&audience.id), accepted, now).await
}

/// The claims of a token of ours with `scope`, whatever resource it is for. It comes in the header or, where the endpoint takes that, in a
/// form (RFC 6750 §2.2), but not in both.
///
/// # Errors
/// As [`require`].
pub async fn require_for_any_audience(
    app: &App,
    headers: &HeaderMap,
    in_form: Option<&str>,
    scope: &str,
    now: UnixSeconds,
) -> Result<AccessTokenClaims, OAuthError> {
    let as_header = in_form.map(|token| format!("Bearer {token}"));
    let mut request = BearerRequest::of(headers);
    if let Some(as_header) = as_header.as_deref() {
        request.is_well_formed = !headers.contains_key(header::AUTHORIZATION);
        request.header = Some(as_header);
    }
    drive(app, &request, None, &[scope], now).await
}

/// What is said when the user behind a good token is gone.
pub fn nobody_behind_the_token() -> OAuthError {
    invalid_token(&ScopeSet::default())
}

async fn drive(
    app: &App,
    request: &BearerRequest<'_>,
    audience: Option<&str>,
    accepted: &[&str],
    now: UnixSeconds,
) -> Result<AccessTokenClaims, OAuthError> {
    let needed: ScopeSet = accepted.iter().copied().take(1).collect();
    let alone = |scope: &&str| scope_in(&[*scope].into_iter().collect::<ScopeSet>());
    let scopes = accepted.iter().map(alone).collect::<Result<Vec<_>, _>>()?;
    let mut machine = Resource::new();
    let mut claims = None;
    let mut next = None;
    loop {
        // Made after whatever was awaited: an input borrows the request, which must not be held across an await.
        let input = match next {
            None => Input::None,
            Some(Next::Request) => Input::Request { request },
            Some(Next::Scopes) => Input::Scopes(&scopes),
            Some(Next::Recover(token)) => {
                let found = recover(app, &token, audience, now).await?.ok_or_else(|| invalid_token(&needed))?;
                let grant = grant_of(&found)?;
                claims = Some(found);
                Input::Recovered(Some(grant))
            }
        };
        next = Some(match machine.advance(input) {
            Output::GetRequest => Next::Request,
            Output::DetermineScopes => Next::Scopes,
            Output::Recover { token } => Next::Recover(token.to_owned()),
            Output::Ok(_) => return claims.ok_or_else(|| invalid_token(&needed)),
            Output::Err(error) => return Err(refusal(error, &needed)),
        });
    }
}

impl<'a> BearerRequest<'a> {
    /// Another scheme than `Bearer` counts as no token; two headers are malformed.
    fn of(headers: &'a HeaderMap) -> Self {
        match Bearer::of(headers) {
            Bearer::Header(text) => Self { header: Some(text), is_well_formed: true },
            Bearer::Nothing => Self { header: None, is_well_formed: true },
            Bearer::Malformed => Self { header: None, is_well_formed: false },
        }
    }
}

async fn recover(
    app: &App,
    token: &str,
    audience: Option<&str>,
    now: UnixSeconds,
) -> Result<Option<AccessTokenClaims>, OAuthError> {
    let fits = |claims: &AccessTokenClaims| audience.is_none_or(|audience| claims.aud == audience);
    Ok(inspect(app, token.trim(), now).await?.filter(fits))
}

/// Expiry was judged by our own clock; an empty scope would satisfy the machine and is none.
fn grant_of(claims: &AccessTokenClaims) -> Result<Grant, OAuthError> {
    let nowhere = REDIRECT_URI_OMITTED.parse();
    Ok(Grant {
        owner_id: claims.sub.clone(),
        client_id: claims.client_id.clone(),
        scope: if claims.scope.is_empty() { no_scope() } else { scope_in(&claims.scope)? },
        redirect_uri: nowhere.map_err(|_| OAuthError::new(ErrorCode::ServerError, "The server failed."))?,
        until: until(false),
        extensions: Extensions::new(),
    })
}

fn no_scope() -> Scope {
    "".parse().expect("the empty scope is one")
}

pub(super) fn insufficient_scope(needed: &ScopeSet) -> OAuthError {
    let description = "The token does not carry the scope that this needs.";
    let challenge = Challenge::refused(ErrorCode::InsufficientScope, description).scope(needed);
    let refusal = OAuthError::new(ErrorCode::InsufficientScope, description).with_challenge(challenge.to_string());
    refusal.with_scope(needed)
}

fn refusal(error: Error, needed: &ScopeSet) -> OAuthError {
    match error {
        Error::AccessDenied { failure, .. } if matches!(failure.code, Some(MachineCode::InsufficientScope)) => {
            insufficient_scope(needed)
        }
        Error::AccessDenied { .. } => invalid_token(needed),
        Error::NoAuthentication { .. } => {
            OAuthError::new(ErrorCode::InvalidToken, "An access token is needed, in the Authorization header.")
                .with_challenge(Challenge::without_token().scope(needed).to_string())
        }
        Error::InvalidRequest { .. } => {
            let description = "The Authorization header is malformed or repeated.";
            OAuthError::invalid_request(description)
                .with_challenge(Challenge::refused(ErrorCode::InvalidRequest, description).to_string())
        }
        Error::PrimitiveError => {
            OAuthError::new(ErrorCode::ServerError, "The server failed.").with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn invalid_token(needed: &ScopeSet) -> OAuthError {
    let description = "The access token is invalid, expired, revoked or for another audience.";
    let challenge = Challenge::refused(ErrorCode::InvalidToken, description).scope(needed);
    OAuthError::new(ErrorCode::InvalidToken, description).with_challenge(challenge.to_string())
}
