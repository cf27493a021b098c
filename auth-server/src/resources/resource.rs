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

/// Everything below `/api/admin`: for administrators, and for machines that an administrator made one.
pub const ADMIN_SCOPE: &str = "postern.admin";
/// Looking only; who holds [`ADMIN_SCOPE`] may look, too.
pub const ADMIN_READ_SCOPE: &str = "postern.admin.read";

/// No person holds it.
const NO_ROLE: &str = "resource_server";

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
    /// This server's own management interface, whose tokens only enrolled resource servers, administrators and
    /// clients that an administrator gave it to get.
    pub fn management(issuer: &str) -> Self {
        let scope = |name: &str, description: &str, implies: &[&str], role: &str| ResourceScope {
            name: name.to_owned(),
            description: description.to_owned(),
            implies: implies.iter().map(|scope| (*scope).to_owned()).collect(),
            roles: vec![role.to_owned()],
            tools: Vec::new(),
        };
        let enrolled = "Register what a resource server protects and follow revocations";
        Self {
            id: format!("{issuer}{}", well_known::API),
            name: "Postern management".to_owned(),
            owner_client_id: String::new(),
            scopes: vec![
                scope(
                    ADMIN_READ_SCOPE,
                    "See users, clients, keys and all else that is administered",
                    &[],
                    ADMINISTRATOR_ROLE,
                ),
                scope(ADMIN_SCOPE, "Administer this installation", &[ADMIN_READ_SCOPE], ADMINISTRATOR_ROLE),
                scope(RESOURCE_SERVER_SCOPE, enrolled, &[], NO_ROLE),
            ],
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

    /// The part of it that an administrator may give to a client by name; the rest is for enrolled resource servers.
    pub fn administration(issuer: &str) -> Self {
        let mut management = Self::management(issuer);
        management.scopes.retain(|scope| scope.name != RESOURCE_SERVER_SCOPE);
        management
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
