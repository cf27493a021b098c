//! How a registration is shown to its client (RFC 7591 §3.2.1, RFC 7592 §3).

use crate::{
    clients::{Client, OpenIdMetadata},
    router::paths,
};
use serde::Serialize;
use shared::protocol::jwk::JwkSet;

/// All that is registered; nothing is `null`. A secret is shown when it is made, and not again: only its hash is kept.
#[derive(Serialize)]
pub(super) struct RegisteredClient<'a> {
    client_id: &'a str,
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    registration_access_token: &'a str,
    registration_client_uri: String,
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

impl<'a> RegisteredClient<'a> {
    /// What `client` hears; `secret` when it has just been made, and the token that manages the registration.
    pub(super) fn of(issuer: &str, client: &'a Client, secret: Option<&'a str>, token: &'a str) -> Self {
        Self {
            client_id: &client.id,
            client_id_issued_at: client.created_at,
            client_secret: secret,
            // It does not expire.
            client_secret_expires_at: client.secret_hash.map(|_| 0),
            registration_access_token: token,
            registration_client_uri: format!("{issuer}{}/{}", paths::REGISTER, client.id),
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
}
