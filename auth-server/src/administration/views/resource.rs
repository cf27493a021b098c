//! A resource as shown.

use crate::resources::Resource;
use schemars::JsonSchema;
use serde::Serialize;

/// What tokens can be for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Resource")]
pub struct ResourceView {
    /// Its identifier: the `aud` of its tokens.
    pub resource: String,
    /// Its name.
    pub name: String,
    /// Whether it is this server's own administration interface, which nobody registered.
    pub is_built_in: bool,
    /// The client id of the resource server that registered it; empty for what is built in.
    pub owner_client_id: String,
    /// Its scopes, the least first.
    pub scopes: Vec<ScopeView>,
    /// How long its access tokens live; absent means the server's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_ttl_seconds: Option<i64>,
    /// How its access tokens are signed.
    pub algorithm: &'static str,
    /// Grows when tools or hierarchy change.
    pub policy_version: i64,
}

/// One scope of a resource.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Scope")]
pub struct ScopeView {
    /// The scope token.
    pub name: String,
    /// What it allows, in words.
    pub description: String,
    /// The scopes that a holder of this one has as well.
    pub implies: Vec<String>,
    /// The roles that may hold it; none means everybody with an account.
    pub roles: Vec<String>,
    /// The tools behind it.
    pub tools: Vec<String>,
}

impl From<Resource> for ResourceView {
    fn from(resource: Resource) -> Self {
        let is_built_in = resource.is_management();
        let scopes = resource.scopes.into_iter().map(|scope| ScopeView {
            name: scope.name,
            description: scope.description,
            implies: scope.implies,
            roles: scope.roles,
            tools: scope.tools,
        });
        Self {
            resource: resource.id,
            name: resource.name,
            is_built_in,
            owner_client_id: resource.owner_client_id,
            scopes: scopes.collect(),
            access_token_ttl_seconds: resource.access_token_ttl_seconds,
            algorithm: resource.algorithm.as_str(),
            policy_version: resource.policy_version,
        }
    }
}
