//! A client as shown.

use crate::clients::Client;
use schemars::JsonSchema;
use serde::Serialize;
use shared::{clock::UnixSeconds, protocol::token_algorithm::TokenAlgorithm, secret::Secret};

/// A client. Its secret is never among it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Client")]
pub struct ClientView {
    /// Its id.
    pub client_id: String,
    /// What people call it; for clients that registered themselves, their own claim.
    pub client_name: String,
    /// Who made it: `dynamic` (itself), `administered` or `resource_server`.
    pub origin: &'static str,
    /// How it authenticates at the token endpoint.
    pub token_endpoint_auth_method: &'static str,
    /// The grants it may use.
    pub grant_types: Vec<&'static str>,
    /// The scopes registered for it, separated by spaces.
    pub scope: String,
    /// The resources it may ask for; none means any.
    pub resources: Vec<String>,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after signing out.
    pub post_logout_redirect_uris: Vec<String>,
    /// How its ID tokens are signed; absent means as the server's setting says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<&'static str>,
    /// Its own replay period of refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_grace_seconds: Option<i64>,
    /// The address block that registered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_from: Option<String>,
    /// When it was made, in unix seconds.
    pub created_at: UnixSeconds,
    /// When a person first consented to it, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<UnixSeconds>,
}

impl From<Client> for ClientView {
    fn from(client: Client) -> Self {
        Self {
            client_id: client.id,
            client_name: client.name,
            origin: client.origin.as_str(),
            token_endpoint_auth_method: client.auth_method.as_str(),
            grant_types: client.grant_types.iter().map(|grant| grant.as_str()).collect(),
            scope: client.scope.to_string(),
            resources: client.resources,
            redirect_uris: client.redirect_uris,
            id_token_signed_response_alg: client.openid.id_token_signed_response_alg.map(TokenAlgorithm::as_str),
            post_logout_redirect_uris: client.openid.post_logout_redirect_uris,
            refresh_grace_seconds: client.refresh_grace_seconds,
            registered_from: client.registered_from,
            created_at: client.created_at,
            confirmed_at: client.confirmed_at,
        }
    }
}

/// A client with the secret that was just made for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClientWithSecret")]
pub struct NewSecretView {
    /// The client.
    #[serde(flatten)]
    pub client: ClientView,
    /// Its secret, if it can keep one. It is shown only now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Until when the secret before it counts beside it, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_ends_at: Option<UnixSeconds>,
}

impl NewSecretView {
    /// `client` with its new secret.
    pub fn of(client: Client, secret: Option<&Secret>) -> Self {
        let client_secret = secret.map(|secret| secret.expose().to_owned());
        Self { client: client.into(), client_secret, previous_secret_ends_at: None }
    }

    /// `client` with the secret that replaced the one before it, which ends then.
    pub fn replaced(client: Client, secret: &Secret, previous_secret_ends_at: UnixSeconds) -> Self {
        Self { previous_secret_ends_at: Some(previous_secret_ends_at), ..Self::of(client, Some(secret)) }
    }
}
