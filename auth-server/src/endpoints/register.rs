//! `POST /oauth2/register` (RFC 7591 §3).

use crate::{
    app::App,
    clients::registration::{self, Policy},
    endpoints::{json_body, registered_client::RegisteredClient, respond::json_no_store},
    error::OAuthError,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use shared::{http::ClientAddress, secret::Secret};
use std::sync::Arc;

/// Registers a client.
pub async fn register(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OAuthError> {
    let body = json_body::read(&headers, body).await?;
    let (document, now) = (registration::read(&body)?, app.clock.now());
    registration::check_budget(&app.limits, &app.settings.auth_server, address, now).await?;
    let policy = Policy {
        redirect_schemes: &app.settings.auth_server.redirect_schemes,
        open_scopes: app.resources.all_scopes(),
    };
    let mut client = registration::negotiate(document, &policy, now)?;
    client.registered_from = Some(address.block().to_string());
    let token = registration::give_management(&mut client, app.random.as_ref());
    let (client, secret) = registration::give_identity(client, app.random.as_ref());
    registration::write(&app.store, &client).await?;
    tracing::info!(client_id = client.id, "a client registered itself");
    let secret = secret.as_ref().map(Secret::expose);
    Ok(json_no_store(StatusCode::CREATED, &RegisteredClient::of(&app.issuer, &client, secret, token.expose())))
}
