//! `POST /oauth2/revoke` (RFC 7009 §2): a client ends a token of its own.

use super::{authenticate_client::authenticate_client, form};
use crate::{
    app::App,
    change_log::follower::catch_up_if_possible,
    error::OAuthError,
    grants::revoke_token::{Revoked, TokenToRevoke, revoke_token},
    router::paths,
};
use axum::{body::Body, extract::State};
use http::{HeaderMap, StatusCode};
use shared::http::ClientAddress;
use std::sync::Arc;

/// 200 without a body, whether or not there was anything to end (RFC 7009 §2.2).
///
/// # Errors
/// RFC 7009 §2.2.1: as RFC 6749 §5.2, `unsupported_token_type`, or 503 when nothing was decided.
pub async fn revoke(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, OAuthError> {
    let now = app.clock.now();
    let parameters = form::read(&headers, body).await?;
    let block = address.block();
    let caller = authenticate_client(&app, &headers, &parameters, block, paths::REVOKE, now, |_| Ok(())).await?;
    let token =
        parameters.get("token").ok_or_else(|| OAuthError::invalid_request("The parameter token is missing."))?;
    let asked = TokenToRevoke { token, caller: &caller, now };
    if revoke_token(&app, &asked).await? == Revoked::Something {
        // Introspection here answers from memory, and whoever revoked may ask at once.
        catch_up_if_possible(&app).await;
    }
    Ok(StatusCode::OK)
}
