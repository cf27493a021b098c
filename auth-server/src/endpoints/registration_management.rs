//! `/oauth2/register/{client_id}` (RFC 7592): a client reads, replaces and ends its own registration.

use super::{bearer::Bearer, json_body, registered_client::RegisteredClient, respond::json_no_store};
use crate::{
    app::App,
    change_log::follower::catch_up_if_possible,
    clients::{
        Client,
        authenticate::AuthenticationError,
        registration::{self, Policy, ReplaceRefusal, authorize_management, replace_registration},
        remove_client::remove_registration,
    },
    error::OAuthError,
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use shared::{
    clock::UnixSeconds,
    http::ClientAddress,
    protocol::{error_code::ErrorCode, www_authenticate::Challenge},
    secret::Secret,
};
use std::sync::Arc;

/// What is registered (RFC 7592 §2.1).
///
/// # Errors
/// 401 alike for an unknown client and a wrong token (RFC 7592 §2.1).
pub async fn show(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    let (client, token) = authorize(&app, &id, &headers, address, app.clock.now()).await?;
    Ok(json_no_store(StatusCode::OK, &RegisteredClient::of(&app.issuer, &client, None, token)))
}

/// Replaces all of it (RFC 7592 §2.2): what the document leaves out is as if it had never been registered.
///
/// # Errors
/// 401 as above, 400 as at registration, 403 when registration is closed.
pub async fn replace(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let (current, token) = authorize(&app, &id, &headers, address, now).await?;
    let body = json_body::read(&headers, body).await?;
    let document = registration::read_replacement(&body, &current)?;
    registration::check_open(app.settings.auth_server.registration)?;
    registration::check_budget(&app.limits, &app.settings.auth_server, address, now).await?;
    let policy = Policy {
        redirect_schemes: &app.settings.auth_server.redirect_schemes,
        open_scopes: app.resources.all_scopes(),
    };
    let asked = registration::negotiate(document, &policy, now)?;
    let replaced = replace_registration(&app.store, &*app.random, &current, &asked, now).await;
    let (client, secret) = replaced.map_err(not_replaced)?;
    catch_up_if_possible(&app).await;
    let secret = secret.as_ref().map(Secret::expose);
    Ok(json_no_store(StatusCode::OK, &RegisteredClient::of(&app.issuer, &client, secret, token)))
}

/// Ends the client with everything it holds (RFC 7592 §2.3).
///
/// # Errors
/// 401 as above.
pub async fn remove(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let (client, _) = authorize(&app, &id, &headers, address, now).await?;
    remove_registration(&app.store, &*app.random, &client.id, now).await?;
    catch_up_if_possible(&app).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The client that the request manages, and the token that it did it with.
async fn authorize<'a>(
    app: &App,
    id: &str,
    headers: &'a HeaderMap,
    address: ClientAddress,
    now: UnixSeconds,
) -> Result<(Arc<Client>, &'a str), OAuthError> {
    let token = Bearer::of(headers).token();
    let judged = authorize_management(app, id, token, address.block(), now).await;
    let client = judged.map_err(|cause| match cause {
        AuthenticationError::Failed { .. } => unauthorized(token.is_some()),
        other => other.into(),
    })?;
    Ok((client, token.unwrap_or_default()))
}

fn unauthorized(sent_a_token: bool) -> OAuthError {
    let description = "The registration access token is missing, wrong, or its client is gone.";
    let challenge = match sent_a_token {
        true => Challenge::refused(ErrorCode::InvalidToken, description),
        false => Challenge::without_token(),
    };
    OAuthError::new(ErrorCode::InvalidToken, description).with_challenge(challenge.to_string())
}

fn not_replaced(cause: ReplaceRefusal) -> OAuthError {
    match cause {
        ReplaceRefusal::Unusable(refusal) => refusal.into(),
        ReplaceRefusal::Gone => unauthorized(true),
        ReplaceRefusal::Store(cause) => cause.into(),
    }
}
