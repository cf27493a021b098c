//! `POST /oauth2/register` (RFC 7591 §3).

use crate::{
    app::App,
    clients::{
        Client, OpenIdMetadata,
        registration::{self, Policy},
    },
    endpoints::{json_body, respond::json_no_store},
    error::OAuthError,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use shared::{http::ClientAddress, protocol::jwk::JwkSet, secret::Secret};
use std::sync::Arc;

/// Registers a client.
pub async fn register(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OAuthError> {
    let body = json_body::read(&headers, body).await?;
    let document = registration::read(&body)?;
    registration::check_budget(&app.limits, &app.settings.auth_server, address).await?;
    let policy = Policy {
        redirect_schemes: &app.settings.auth_server.redirect_schemes,
        open_scopes: app.resources.all_scopes(),
    };
    let mut client = registration::negotiate(document, &policy, app.clock.now())?;
    client.registered_from = Some(address.block().to_string());
    let (client, secret) = registration::give_identity(client, app.random.as_ref());
    registration::write(&app.store, &client).await?;
    tracing::info!(client_id = client.id, "a client registered itself");
    Ok(json_no_store(StatusCode::CREATED, &answer(&client, secret.as_ref())))
}

/// RFC 7591 §3.2.1: all that was registered; nothing is `null`.
#[derive(Serialize)]
struct Registered<'a> {
    client_id: &'a str,
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    client_name: &'a str,
    redirect_uris: &'a [String],
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
    application_type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<&'a str>,
    #[serde(flatten)]
    openid: &'a OpenIdMetadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<&'a JwkSet>,
}

fn answer<'a>(client: &'a Client, secret: Option<&'a Secret>) -> Registered<'a> {
    Registered {
        client_id: &client.id,
        client_id_issued_at: client.created_at,
        client_secret: secret.map(Secret::expose),
        // It does not expire.
        client_secret_expires_at: secret.map(|_| 0),
        client_name: &client.name,
        redirect_uris: &client.redirect_uris,
        grant_types: client.grant_types.iter().map(|grant| grant.as_str()).collect(),
        response_types: ["code"],
        token_endpoint_auth_method: client.auth_method.as_str(),
        application_type: client.application_type.as_str(),
        scope: client.scope.to_string(),
        software_id: client.software_id.as_deref(),
        software_version: client.software_version.as_deref(),
        client_uri: client.client_uri.as_deref(),
        openid: &client.openid,
        jwks: client.jwks.as_ref(),
    }
}
