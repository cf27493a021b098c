//! Authorization server metadata: RFC 8414 §2, in its order, with what RFC 8628, RFC 9207, OpenID Connect Discovery and Client ID
//! Metadata Documents add. Written for our own document, read from foreign ones.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

/// The document under `/.well-known/oauth-authorization-server` and, with the OpenID members, `/.well-known/openid-configuration`.
///
/// Writing leaves out what is absent or empty (RFC 8414 §3.2: no empty arrays; clients refuse `null`). Reading wants `issuer` alone:
/// unknown members are ignored, and `null` or a wrong type in an optional member counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each member is the one of that name in RFC 8414 §2 or in the specification named above it"
)]
pub struct AuthorizationServerMetadata {
    pub issuer: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub response_types_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub ui_locales_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub op_policy_uri: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub op_tos_uri: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Also required of the OpenID document (MCP 2026-07-28, authorization, security considerations): clients refuse a server without it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// RFC 8628 §4.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// RFC 9207 §3.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub authorization_response_iss_parameter_supported: Option<bool>,
    /// draft-ietf-oauth-client-id-metadata-document §5.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub client_id_metadata_document_supported: Option<bool>,
    /// OpenID Connect Discovery §3, from here on.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub claims_parameter_supported: Option<bool>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request_parameter_supported: Option<bool>,
    /// Absent means `true` in OpenID Connect: a server without request objects says `false`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request_uri_parameter_supported: Option<bool>,
    /// OpenID Connect Prompt Create §4.2.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub prompt_values_supported: Vec<String>,
    /// OpenID Connect RP-Initiated Logout §2.1.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
}

/// Reads an optional member of a foreign document: what cannot be read counts as absent.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::AuthorizationServerMetadata;

    #[test]
    fn nothing_absent_or_empty_is_written_and_the_order_is_the_rfcs() {
        let document = AuthorizationServerMetadata {
            issuer: "https://as.example".into(),
            code_challenge_methods_supported: vec!["S256".into()],
            token_endpoint: Some("https://as.example/oauth2/token".into()),
            request_uri_parameter_supported: Some(false),
            ..AuthorizationServerMetadata::default()
        };
        assert_eq!(
            serde_json::to_string(&document).expect("json"),
            r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/oauth2/token","code_challenge_methods_supported":["S256"],"request_uri_parameter_supported":false}"#
        );
    }

    #[test]
    fn foreign_documents_are_read_leniently_but_need_an_issuer() {
        let text = r#"{"issuer":"https://as.example","token_endpoint":null,"scopes_supported":"a b","made_up":{"x":1},
            "jwks_uri":"https://as.example/jwks","authorization_response_iss_parameter_supported":true}"#;
        let document: AuthorizationServerMetadata = serde_json::from_str(text).expect("document");
        assert_eq!(document.token_endpoint, None);
        assert!(document.scopes_supported.is_empty());
        assert_eq!(document.jwks_uri.as_deref(), Some("https://as.example/jwks"));
        assert_eq!(document.authorization_response_iss_parameter_supported, Some(true));
        for bad in ["{}", r#"{"issuer":null}"#, r#"{"issuer":"a","issuer":"b"}"#, "[]"] {
            assert!(serde_json::from_str::<AuthorizationServerMetadata>(bad).is_err(), "{bad}");
        }
    }
}
