//! `PUT /api/resources`: resource servers write what they protect.

use crate::{
    app::App,
    change_log::follower::catch_up_if_possible,
    endpoints::{guard, json_body, respond::json_no_store},
    error::OAuthError,
    resources::register_resource::register_resource,
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use shared::protocol::resource_document::{RESOURCE_SERVER_SCOPE, ResourceDocument};
use std::sync::Arc;

/// Registers or replaces one resource; the answer is what is stored.
pub async fn put(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let caller = guard::require(&app, &headers, RESOURCE_SERVER_SCOPE, now).await?;
    let body = json_body::read(&headers, body).await?;
    let document: ResourceDocument = serde_json::from_slice(&body)
        .map_err(|_| OAuthError::invalid_request("The body must be a JSON object with resource, name and scopes."))?;
    let resource = register_resource(&app.store, &*app.random, &caller.client_id, &document, now).await?;
    catch_up_if_possible(&app).await;
    Ok(json_no_store(StatusCode::OK, &ResourceDocument::from(resource)))
}
