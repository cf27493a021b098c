//! `POST /oauth2/introspect` (RFC 7662 §2), for authenticated callers only.

use super::{authenticate_client::authenticate_client, form, respond::json_no_store};
use crate::{app::App, error::OAuthError, router::paths, tokens::introspect};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use shared::http::ClientAddress;
use std::sync::Arc;

/// Says whether a token is good, and what it is good for.
///
/// # Errors
/// RFC 7662 §2.3: as RFC 6749 §5.2.
pub async fn introspect(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let parameters = form::read(&headers, body).await?;
    let block = address.block();
    let caller = authenticate_client(&app, &headers, &parameters, block, paths::INTROSPECT, now, |_| Ok(())).await?;
    let token =
        parameters.get("token").ok_or_else(|| OAuthError::invalid_request("The parameter token is missing."))?;
    let answer = introspect::introspect(&app, &caller.client, token, now).await?;
    // Nothing else is written: the assertion is used up by itself, before the answer is shown.
    caller.spend_alone(&app.store).await?;
    Ok(json_no_store(StatusCode::OK, &answer))
}
