//! `POST /oauth2/token` (RFC 6749 §3.2) and its alias at the origin's root.

use super::{
    authenticate_client::authenticate_client,
    form,
    respond::{json_no_store, set_counted},
};
use crate::{
    app::App,
    clients::Client,
    error::OAuthError,
    grants::{self, TokenAnswer, TokenCall},
    router::paths,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use shared::{http::ClientAddress, protocol::opaque_token::OpaqueToken, secret::Secret};
use std::sync::Arc;

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
    let (now, known) = (app.clock.now(), app.revocations.generation());
    let parameters = form::read(&headers, body).await?;
    let block = address.block();
    let may_ask = |client: &Client| Ok(grants::check_grant_type(&parameters, client).map(drop)?);
    let client = authenticate_client(&app, &headers, &parameters, block, paths::TOKEN, now, may_ask).await?;
    let call = TokenCall { parameters: &parameters, client: &client, address_block: Some(block), now, known };
    let answer = grants::answer(&app, &call).await?;
    let mut response = json_no_store(StatusCode::OK, &TokenResponse::of(&answer));
    set_counted(response.headers_mut(), answer.counted.as_ref());
    Ok(response)
}

/// RFC 6749 §5.1; nothing is `null`, and `token_type` is spelled as the strictest client reads it.
#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
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
            id_token: answer.id_token.as_ref().map(Secret::expose),
            refresh_token: answer.refresh_token.as_ref().map(OpaqueToken::expose),
            scope: answer.scope.to_string(),
        }
    }
}
