//! A resource as a resource server describes it to the authorization server (`PUT {issuer}/api/resources`), and who may hold its scopes.
//!
//! Both servers judge roles by [`ResourceScope::may_be_held_by`]: the one when it grants, the other when it shows tools or asks for more.

use super::token_algorithm::TokenAlgorithm;
use serde::{Deserialize, Serialize};

/// The scope that lets a resource server reach the registry and the revocation list; for enrolled resource servers only.
pub const RESOURCE_SERVER_SCOPE: &str = "postern.resource_server";
/// Whoever holds this role may also do what members may.
pub const ADMINISTRATOR_ROLE: &str = "administrator";
/// The role of everybody with an account.
pub const MEMBER_ROLE: &str = "member";

/// What a resource server sends and gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDocument {
    /// The identifier: the `aud` of its tokens, as it will be compared.
    pub resource: String,
    /// Its name, for people.
    pub name: String,
    /// Its scopes, the least first.
    pub scopes: Vec<ResourceScope>,
    /// Lifetime of its access tokens; absent means the authorization server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_ttl_seconds: Option<i64>,
    /// How its access tokens are signed; absent means ES256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<TokenAlgorithm>,
}

/// One scope of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceScope {
    /// The scope token (RFC 6749 §3.3).
    pub name: String,
    /// What it allows, in words for people: the consent page shows them.
    #[serde(default)]
    pub description: String,
    /// The scopes of the same resource that a holder of this one has as well.
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
    /// Whether a person with `roles` may hold it.
    pub fn may_be_held_by(&self, roles: &[String]) -> bool {
        let is_administrator = roles.iter().any(|role| role == ADMINISTRATOR_ROLE);
        let suffices = |role: &String| roles.contains(role) || (is_administrator && role == MEMBER_ROLE);
        self.roles.is_empty() || self.roles.iter().any(suffices)
    }
}

#[cfg(test)]
mod tests {
    use super::{ResourceDocument, ResourceScope};
    use crate::protocol::token_algorithm::TokenAlgorithm;

    #[test]
    fn administrators_are_members_and_members_are_no_administrators() {
        let scope = |roles: &[&str]| ResourceScope {
            name: "x".into(),
            description: String::new(),
            implies: vec![],
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            tools: vec![],
        };
        for (wanted, held, may) in [
            (&["member"][..], "member", true),
            (&["member"], "administrator", true),
            (&["administrator"], "administrator", true),
            (&["administrator"], "member", false),
            (&["member"], "stranger", false),
            (&[], "stranger", true),
        ] {
            assert_eq!(scope(wanted).may_be_held_by(&[held.to_owned()]), may, "{wanted:?} {held}");
        }
        assert!(!scope(&["member"]).may_be_held_by(&[]));
        assert!(scope(&[]).may_be_held_by(&[]));
    }

    #[test]
    fn what_may_be_absent_is_empty_and_what_may_not_be_is_refused() {
        let least = r#"{"resource":"https://mcp.example/mcp","name":"n","scopes":[{"name":"a"}]}"#;
        let document: ResourceDocument = serde_json::from_str(least).expect("a document");
        assert_eq!((document.access_token_ttl_seconds, document.algorithm), (None, None));
        let scope = &document.scopes[0];
        assert!(scope.description.is_empty() && scope.implies.is_empty() && scope.tools.is_empty());
        assert!(scope.roles.is_empty());
        for (part, instead) in [
            (r#""resource":"https://mcp.example/mcp","#, ""),
            (r#""name":"n","#, ""),
            (r#","scopes":[{"name":"a"}]"#, ""),
            (r#"{"name":"a"}"#, "{}"),
            (r#"{"name":"a"}"#, r#"{"name":"a","roles":null}"#),
            (r#"{"name":"a"}"#, r#"{"name":"a","name":"b"}"#),
            (r#""name":"n""#, r#""name":"n","algorithm":"HS256""#),
        ] {
            let bad = least.replace(part, instead);
            assert_ne!(bad, least);
            assert!(serde_json::from_str::<ResourceDocument>(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let text = r#"{"resource":"https://mcp.example/mcp","name":"n","scopes":[{"name":"b","description":"d","implies":["a"],"roles":["member"],"tools":["t"]}],"access_token_ttl_seconds":120,"algorithm":"RS256"}"#;
        let document: ResourceDocument = serde_json::from_str(text).expect("a document");
        assert_eq!(document.algorithm, Some(TokenAlgorithm::Rs256));
        assert_eq!(serde_json::to_string(&document).expect("json"), text);
    }
}
