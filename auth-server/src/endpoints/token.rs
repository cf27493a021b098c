//! `POST /oauth2/token` (RFC 6749 §3.2) and its alias at the origin's root.

use super::{form, respond::json_no_store};
use crate::parameters::Parameters;
use crate::{
    app::App,
    clients::{
        Client,
        authenticate::{AuthenticatedClient, Authenticator, ClientRequest},
    },
    error::OAuthError,
    grants::{self, TokenAnswer, TokenCall},
    router::paths,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use shared::{
    clock::UnixSeconds,
    http::{AddressBlock, ClientAddress},
    protocol::opaque_token::OpaqueToken,
};
use std::sync::Arc;
use url::Url;

/// Answers a grant with tokens.
///
/// # Errors
/// RFC 6749 §5.2.
pub async fn token(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let parameters = form::read(&headers, body).await?;
    let block = address.block();
    let may_ask = |client: &Client| Ok(grants::check_grant_type(&parameters, client).map(drop)?);
    let client = authenticate(&app, &headers, &parameters, block, paths::TOKEN, now, may_ask).await?;
    let call = TokenCall { parameters: &parameters, client: &client, address_block: Some(block), now };
    let answer = grants::answer(&app, &call).await?;
    Ok(json_no_store(StatusCode::OK, &TokenResponse::of(&answer)))
}

/// Authenticates the client of a request to the endpoint at `path`. A client assertion may be for the issuer, for the token
/// endpoint, its alias, or the endpoint that is called (RFC 7523 §3; clients differ). Whom `may_ask` refuses has proved
/// itself, but its assertion is not used up and leaves no row.
///
/// # Errors
/// RFC 6749 §5.2.
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    parameters: &Parameters,
    block: AddressBlock,
    path: &str,
    now: UnixSeconds,
    may_ask: impl FnOnce(&Client) -> Result<(), OAuthError>,
) -> Result<AuthenticatedClient, OAuthError> {
    let audiences = || assertion_audiences(&app.issuer, path);
    let request = ClientRequest { headers, parameters, assertion_audiences: &audiences, address_block: Some(block) };
    let authenticator = Authenticator {
        clients: &app.clients,
        store: &app.store,
        failures: &app.authentication_failures,
        limits: &app.limits,
    };
    let proven = authenticator.prove(&request, now).await?;
    may_ask(&proven.client)?;
    Ok(authenticator.accept(proven, &request, now).await?)
}

fn assertion_audiences(issuer: &str, path: &str) -> Vec<String> {
    let origin = Url::parse(issuer).map_or_else(|_| issuer.to_owned(), |url| url.origin().ascii_serialization());
    let (canonical, called) = (format!("{issuer}{}", paths::TOKEN), format!("{issuer}{path}"));
    vec![issuer.to_owned(), canonical, called, format!("{origin}/token")]
}

/// RFC 6749 §5.1; nothing is `null`, and `token_type` is spelled as the strictest client reads it.
#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: String,
}

impl<'a> TokenResponse<'a> {
    fn of(answer: &'a TokenAnswer) -> Self {
        Self {
            access_token: answer.access_token.token.expose(),
            token_type: "Bearer",
            expires_in: answer.access_token.expires_in_seconds,
            refresh_token: answer.refresh_token.as_ref().map(OpaqueToken::expose),
            scope: answer.scope.to_string(),
        }
    }
}
