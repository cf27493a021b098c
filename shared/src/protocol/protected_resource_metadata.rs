//! Protected resource metadata: RFC 9728 §2, in its order. Written for our own resources, read from foreign ones.

use super::authorization_server_metadata::lenient;
use serde::{Deserialize, Serialize};

/// The document under `/.well-known/oauth-protected-resource`.
///
/// Writing leaves out what is absent or empty (RFC 9728 §3.2; clients refuse `null`). Reading wants `resource` alone: unknown members
/// are ignored, and `null` or a wrong type in an optional member counts as absent. Whether `resource` is the one that was asked for is the
/// reader's check (RFC 9728 §3.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each member is the one of that name in RFC 9728 §2")]
pub struct ProtectedResourceMetadata {
    pub resource: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Without `offline_access` (MCP 2026-07-28, authorization, refresh tokens).
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub bearer_methods_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub resource_signing_alg_values_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub resource_documentation: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub resource_policy_uri: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub resource_tos_uri: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::ProtectedResourceMetadata;

    #[test]
    fn nothing_absent_is_written_and_the_order_is_the_rfcs() {
        let document = ProtectedResourceMetadata {
            resource: "https://mcp.example/mcp".into(),
            authorization_servers: vec!["https://as.example".into()],
            bearer_methods_supported: vec!["header".into()],
            resource_name: Some("Events".into()),
            ..ProtectedResourceMetadata::default()
        };
        let text = serde_json::to_string(&document).expect("json");
        assert_eq!(
            text,
            r#"{"resource":"https://mcp.example/mcp","authorization_servers":["https://as.example"],"bearer_methods_supported":["header"],"resource_name":"Events"}"#
        );
        assert_eq!(serde_json::from_str::<ProtectedResourceMetadata>(&text).expect("document"), document);
    }

    #[test]
    fn foreign_documents_are_read_leniently_but_need_a_resource() {
        let text = r#"{"authorization_servers":null,"resource":"https://mcp.example","resource_name":7,"new":[]}"#;
        let document: ProtectedResourceMetadata = serde_json::from_str(text).expect("document");
        assert!(document.authorization_servers.is_empty());
        assert_eq!(document.resource_name, None);
        assert!(serde_json::from_str::<ProtectedResourceMetadata>("{}").is_err());
    }
}
