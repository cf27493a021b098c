//! A resource as it is registered.

use shared::protocol::{
    resource_document::{ADMINISTRATOR_ROLE, RESOURCE_SERVER_SCOPE, ResourceScope},
    scope::ScopeSet,
    token_algorithm::TokenAlgorithm,
    well_known,
};

/// Scopes that begin so belong to this server's own management interface.
pub const MANAGEMENT_SCOPE_PREFIX: &str = "postern.";
/// Stands where other resources name their resource server; no client has such an id.
const IDENTITY_OWNER: &str = "postern:identity";
/// Scopes that a resource may not define: OpenID Connect Core 1.0 §5.4 and §11 gave them a meaning.
pub const RESERVED_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// A registered resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its canonical identifier: the exact `aud` of its tokens.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The resource server that registered it; empty for this server's own management interface.
    pub owner_client_id: String,
    /// Its scopes, the least first.
    pub scopes: Vec<ResourceScope>,
    /// Lifetime of its access tokens in seconds; absent means the server's.
    pub access_token_ttl_seconds: Option<i64>,
    /// How its access tokens are signed.
    pub algorithm: TokenAlgorithm,
    /// Grows when tools or hierarchy change: consents remembered under an older one are void.
    pub policy_version: i64,
}

impl Resource {
    /// This server's own management interface, whose tokens only enrolled resource servers and administrators' clients get.
    pub fn management(issuer: &str) -> Self {
        let scope = ResourceScope {
            name: RESOURCE_SERVER_SCOPE.to_owned(),
            description: "Register what a resource server protects and follow revocations".to_owned(),
            implies: Vec::new(),
            roles: vec![ADMINISTRATOR_ROLE.to_owned()],
            tools: Vec::new(),
        };
        Self {
            id: format!("{issuer}{}", well_known::API),
            name: "Postern management".to_owned(),
            owner_client_id: String::new(),
            scopes: vec![scope],
            access_token_ttl_seconds: None,
            algorithm: TokenAlgorithm::Es256,
            policy_version: 1,
        }
    }

    /// Who somebody is, for requests that want to know nothing else: its tokens are good for this server's userinfo alone. It has no scopes of
    /// its own; those of [`crate::identity::scopes`] belong to this server and go with every resource.
    pub fn identity(issuer: &str) -> Self {
        Self {
            id: format!("{issuer}/oauth2/userinfo"),
            name: "Your account here".to_owned(),
            owner_client_id: IDENTITY_OWNER.to_owned(),
            scopes: Vec::new(),
            access_token_ttl_seconds: None,
            algorithm: TokenAlgorithm::Es256,
            policy_version: 1,
        }
    }

    /// Whether it is [`Resource::identity`].
    pub fn is_identity(&self) -> bool {
        self.owner_client_id == IDENTITY_OWNER
    }

    /// Whether it is this server's own management interface.
    pub fn is_management(&self) -> bool {
        self.owner_client_id.is_empty()
    }

    /// The scope of that name.
    pub fn scope(&self, name: &str) -> Option<&ResourceScope> {
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// Every scope it defines.
    pub fn all_scopes(&self) -> ScopeSet {
        self.scopes.iter().map(|scope| scope.name.as_str()).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Resource;
    use shared::protocol::{resource_document::ResourceScope, token_algorithm::TokenAlgorithm};

    pub(crate) fn scope(name: &str, implies: &[&str], roles: &[&str]) -> ResourceScope {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        ResourceScope {
            name: name.to_owned(),
            description: String::new(),
            implies: owned(implies),
            roles: owned(roles),
            tools: Vec::new(),
        }
    }

    pub(crate) fn resource() -> Resource {
        Resource {
            id: "http://localhost:9500/mcp".to_owned(),
            name: "Built-in tools".to_owned(),
            owner_client_id: "rs".to_owned(),
            scopes: vec![
                scope("mcp.read", &[], &["member"]),
                scope("mcp.write", &[], &["member"]),
                scope("mcp.admin", &["mcp.write", "mcp.read"], &["administrator"]),
            ],
            access_token_ttl_seconds: None,
            algorithm: TokenAlgorithm::Es256,
            policy_version: 1,
        }
    }
}
