//! Where the authorization server's endpoints are. They stand under its issuer URL; the metadata says the same.

use shared::{config::PublicUrl, protocol::well_known};

/// The issuer and the URLs that follow from it.
#[derive(Debug, Clone)]
pub struct IssuerEndpoints {
    /// The issuer, byte for byte as configured: what tokens must say.
    pub issuer: String,
    /// Public keys.
    pub jwks: String,
    /// Token endpoint.
    pub token: String,
    /// RFC 7662.
    pub introspection: String,
    /// Registry of resources.
    pub resources: String,
    /// RFC 8936: what was revoked.
    pub events: String,
    /// What a machine token for the three above must be for.
    pub api_resource: String,
    /// RFC 8414 §3.1: the well-known is inserted before the issuer's path.
    pub authorization_server_metadata: String,
    /// OpenID Connect Discovery §4: the well-known is appended to it.
    pub openid_configuration: String,
}

impl IssuerEndpoints {
    /// The endpoints of `issuer`.
    pub fn new(issuer: &PublicUrl) -> Self {
        let (origin, path) = (issuer.origin(), issuer.path());
        Self {
            issuer: issuer.as_str().to_owned(),
            jwks: issuer.join(well_known::JWKS),
            token: issuer.join(well_known::TOKEN),
            introspection: issuer.join(well_known::INTROSPECT),
            resources: issuer.join(well_known::RESOURCES),
            events: issuer.join(well_known::EVENTS),
            api_resource: issuer.join(well_known::API),
            authorization_server_metadata: format!("{origin}{}{path}", well_known::AUTHORIZATION_SERVER),
            openid_configuration: issuer.join(well_known::OPENID_CONFIGURATION),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::IssuerEndpoints;
    use shared::config::PublicUrl;

    #[test]
    fn stand_under_the_issuer() {
        let endpoints = |text: &str| IssuerEndpoints::new(&PublicUrl::parse(text).expect("a URL"));
        let root = endpoints("http://localhost:9400");
        assert_eq!(root.issuer, "http://localhost:9400");
        assert_eq!(root.token, "http://localhost:9400/oauth2/token");
        assert_eq!(root.authorization_server_metadata, "http://localhost:9400/.well-known/oauth-authorization-server");
        let tenant = endpoints("https://as.example/t/1");
        assert_eq!(tenant.issuer, "https://as.example/t/1");
        assert_eq!(tenant.jwks, "https://as.example/t/1/.well-known/jwks.json");
        assert_eq!(
            tenant.authorization_server_metadata,
            "https://as.example/.well-known/oauth-authorization-server/t/1"
        );
        assert_eq!(tenant.openid_configuration, "https://as.example/t/1/.well-known/openid-configuration");
    }
}
