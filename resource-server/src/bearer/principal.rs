//! Who calls: what a verified token says, in the words the rules use.

use shared::{
    clock::UnixSeconds,
    protocol::{access_token_claims::AccessTokenClaims, scope::ScopeSet},
};
use std::fmt;

/// What a valid access token says about the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `iss`.
    pub issuer: String,
    /// `sub`: a user, or the client itself for a machine.
    pub subject: String,
    /// `client_id`.
    pub client_id: String,
    /// `scope`, as granted; hierarchies are the policy's business.
    pub scopes: ScopeSet,
    /// `registered_scope`: what a machine could hold where it asked for less; empty where it holds all.
    pub registered_scopes: ScopeSet,
    /// `roles` of the user when the token was made.
    pub roles: Vec<String>,
    /// The grant that the token belongs to; none for machines.
    pub grant_id: Option<String>,
    /// `jti`.
    pub token_id: String,
    /// The organization that the grant chose.
    pub organization_id: Option<String>,
    /// What the systems behind the resource know that organization by.
    pub tenant_id: Option<String>,
    /// `iat`.
    pub issued_at: UnixSeconds,
    /// `exp`.
    pub expires_at: UnixSeconds,
}

/// What a rate limit and a share of the server belong to: `(iss, sub, client_id)`. A session belongs to it within one organization.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalKey(String);

impl From<AccessTokenClaims> for Principal {
    fn from(claims: AccessTokenClaims) -> Self {
        Self {
            issuer: claims.iss,
            subject: claims.sub,
            client_id: claims.client_id,
            scopes: claims.scope,
            registered_scopes: claims.registered_scope,
            roles: claims.roles,
            grant_id: claims.grant_id,
            token_id: claims.jti,
            organization_id: claims.organization_id,
            tenant_id: claims.tenant_id,
            issued_at: claims.iat,
            expires_at: claims.exp,
        }
    }
}

impl Principal {
    /// Whether the client speaks for itself: then nobody is there to grant more than it is registered for.
    pub fn is_machine(&self) -> bool {
        self.subject == self.client_id
    }

    /// Its key.
    pub fn key(&self) -> PrincipalKey {
        PrincipalKey::new(&self.issuer, &self.subject, &self.client_id)
    }

    /// Whose sessions it has, given its key: what was opened for one organization does not exist for another.
    pub fn session_owner(&self, PrincipalKey(key): &PrincipalKey) -> PrincipalKey {
        PrincipalKey(format!("{}:{key}", self.organization_id.as_deref().unwrap_or_default()))
    }
}

impl PrincipalKey {
    /// The key of these three. Lengths come first, so that no two triples share a key.
    pub fn new(issuer: &str, subject: &str, client_id: &str) -> Self {
        Self(format!("{}:{}:{issuer}{subject}{client_id}", issuer.len(), subject.len()))
    }

    /// The key as text, for buckets and maps.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrincipalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Principal, PrincipalKey};

    /// Alice, who may read.
    pub(crate) fn principal() -> Principal {
        Principal {
            issuer: "https://as.example".to_owned(),
            subject: "alice".to_owned(),
            client_id: "client".to_owned(),
            scopes: "mcp.read".parse().expect("scope"),
            registered_scopes: shared::protocol::scope::ScopeSet::default(),
            roles: vec![],
            grant_id: None,
            token_id: "jti".to_owned(),
            organization_id: None,
            tenant_id: None,
            issued_at: 0,
            expires_at: 1,
        }
    }

    #[test]
    fn sessions_of_one_organization_are_not_those_of_another() {
        let owner = |organization: Option<&str>| {
            let mut principal = principal();
            principal.organization_id = organization.map(str::to_owned);
            principal.session_owner(&principal.key())
        };
        assert_eq!(owner(Some("acme")), owner(Some("acme")));
        assert_ne!(owner(Some("acme")), owner(Some("beta")));
        assert_ne!(owner(Some("acme")), owner(None));
    }

    #[test]
    fn keys_differ_wherever_a_part_differs() {
        let key = PrincipalKey::new("https://a", "u1", "c1");
        assert_eq!(key, PrincipalKey::new("https://a", "u1", "c1"));
        for other in [
            PrincipalKey::new("https://b", "u1", "c1"),
            PrincipalKey::new("https://a", "u1c", "1"),
            PrincipalKey::new("https://a", "u2", "c1"),
            PrincipalKey::new("https://au", "1", "c1"),
            PrincipalKey::new("https://a", "u1", "c2"),
        ] {
            assert_ne!(key, other);
        }
    }
}
