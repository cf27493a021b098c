//! A resource server as shown.

use crate::clients::Client;
use schemars::JsonSchema;
use serde::Serialize;
use shared::{clock::UnixSeconds, protocol::jwk::JwkSet};

/// A client that may register what lies under its origins.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ResourceServer")]
pub struct ResourceServerView {
    /// Its client id.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// The origins under which it may register resources.
    pub origins: Vec<String>,
    /// The public keys of its client assertions, as a JSON Web Key Set.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub jwks: JwkSet,
    /// When it was enrolled, in unix seconds.
    pub created_at: UnixSeconds,
}

impl ResourceServerView {
    /// `client` with its origins.
    pub fn of(client: Client, origins: Vec<String>) -> Self {
        Self {
            client_id: client.id,
            name: client.name,
            origins,
            jwks: client.jwks.unwrap_or_default(),
            created_at: client.created_at,
        }
    }
}
