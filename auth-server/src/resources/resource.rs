//! A resource as it is registered.

use serde::{Deserialize, Serialize};
use shared::protocol::scope::ScopeSet;
use std::collections::BTreeSet;

/// The scope that lets a resource server reach the registry and the revocation list; for enrolled resource servers only.
pub const RESOURCE_SERVER_SCOPE: &str = "postern.resource_server";
/// Scopes that begin so belong to this server's own management interface.
pub const MANAGEMENT_SCOPE_PREFIX: &str = "postern.";
/// Scopes that a resource may not define: OpenID Connect Core 1.0 §5.4 and §11 gave them a meaning.
pub const RESERVED_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];
/// Whoever holds this role may also do what members may.
pub const ADMINISTRATOR_ROLE: &str = "administrator";
/// The role of everybody with an account.
pub const MEMBER_ROLE: &str = "member";

/// How access tokens for a resource are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// ECDSA with P-256 (RFC 7518 §3.4).
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 (RFC 7518 §3.3).
    #[serde(rename = "RS256")]
    Rs256,
}

impl TokenAlgorithm {
    /// The registered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm a registered word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256].into_iter().find(|algorithm| algorithm.as_str() == word)
    }
}

/// One scope of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceScope {
    /// The scope token (RFC 6749 §3.3).
    pub name: String,
    /// What it allows, in words for people.
    #[serde(default)]
    pub description: String,
    /// The scopes of the same resource that it includes.
    #[serde(default)]
    pub implies: Vec<String>,
    /// The roles that may hold it; empty means everybody with an account.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The tools behind it.
    #[serde(default)]
    pub tools: Vec<String>,
}

impl ResourceScope {
    /// Whether somebody with `roles` may hold it.
    pub fn held_by(&self, roles: &[String]) -> bool {
        let is_administrator = roles.iter().any(|role| role == ADMINISTRATOR_ROLE);
        self.roles.is_empty()
            || self.roles.iter().any(|role| roles.contains(role) || (is_administrator && role == MEMBER_ROLE))
    }
}

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
            id: format!("{issuer}/api"),
            name: "Postern management".to_owned(),
            owner_client_id: String::new(),
            scopes: vec![scope],
            access_token_ttl_seconds: None,
            algorithm: TokenAlgorithm::Es256,
            policy_version: 1,
        }
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

    /// The scopes that holding `held` amounts to under the hierarchy, `held` included.
    pub fn closure(&self, held: &ScopeSet) -> ScopeSet {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut pending: Vec<&str> = held.iter().collect();
        while let Some(name) = pending.pop() {
            if reached.insert(name)
                && let Some(scope) = self.scope(name)
            {
                pending.extend(scope.implies.iter().map(String::as_str));
            }
        }
        reached.into_iter().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Resource, ResourceScope, TokenAlgorithm};

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

    #[test]
    fn hierarchy_is_followed_and_cycles_end() {
        let mut resource = resource();
        let closure = |resource: &Resource, held: &str| resource.closure(&held.parse().expect("scope")).to_string();
        assert_eq!(closure(&resource, "mcp.admin"), "mcp.admin mcp.read mcp.write");
        assert_eq!(closure(&resource, "mcp.write"), "mcp.write");
        resource.scopes[0].implies.push("mcp.admin".to_owned());
        assert_eq!(closure(&resource, "mcp.read"), "mcp.admin mcp.read mcp.write");
    }

    #[test]
    fn roles_hold_scopes() {
        let resource = resource();
        let admin = resource.scope("mcp.admin").expect("defined");
        let read = resource.scope("mcp.read").expect("defined");
        assert!(!admin.held_by(&["member".to_owned()]));
        assert!(admin.held_by(&["administrator".to_owned()]));
        assert!(read.held_by(&["administrator".to_owned()]));
        assert!(!read.held_by(&[]));
        assert!(scope("open", &[], &[]).held_by(&[]));
    }
}
