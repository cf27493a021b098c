//! Where a foreign issuer's keys and introspection are: its metadata (RFC 8414 §3, OpenID Connect Discovery §4), held and renewed.
//! A document is believed only about itself: it must name the issuer, and its endpoints must be on hosts that the operator named.

use super::{
    fetch::{FetchError, Fetcher, refused},
    held_document::{Freshness, HeldDocument},
};
use crate::config::{IntrospectionRule, IssuerUrl};
use http::StatusCode;
use shared::{clock::SharedClock, protocol::authorization_server_metadata::AuthorizationServerMetadata};
use std::sync::Arc;
use url::{Host, Url};

/// For how long a document counts.
const FRESHNESS: Freshness =
    Freshness { fresh_seconds: 60 * 60, usable_seconds: 24 * 60 * 60, pause_seconds: 60, empty_pause_seconds: 1 };

/// What a foreign issuer says about itself, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignEndpoints {
    /// Its public keys.
    pub jwks: Option<String>,
    /// RFC 7662.
    pub introspection: Option<String>,
    /// `introspection_endpoint_auth_methods_supported`.
    pub introspection_methods: Vec<String>,
}

/// The metadata of one foreign issuer.
pub struct Discovery {
    subject: Subject,
    held: Arc<HeldDocument<Arc<ForeignEndpoints>>>,
}

/// Whose metadata, and what it may and must say.
#[derive(Clone)]
struct Subject {
    issuer: IssuerUrl,
    hosts: Vec<String>,
    rule: IntrospectionRule,
    fetcher: Fetcher,
}

impl Discovery {
    /// Nothing fetched yet. The document may name endpoints on the issuer's own host and on `hosts`, and must name those that `rule` needs.
    pub fn new(
        issuer: IssuerUrl,
        hosts: Vec<String>,
        rule: IntrospectionRule,
        fetcher: Fetcher,
        clock: SharedClock,
    ) -> Self {
        let held = Arc::new(HeldDocument::new(issuer.to_string(), FRESHNESS, clock));
        Self { subject: Subject { issuer, hosts, rule, fetcher }, held }
    }

    /// The issuer, as configured.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.subject.issuer
    }

    /// Where its endpoints are.
    ///
    /// # Errors
    /// As [`HeldDocument::get`].
    pub async fn endpoints(&self) -> Result<Arc<ForeignEndpoints>, FetchError> {
        self.held
            .get(|| {
                let subject = self.subject.clone();
                async move { subject.fetch().await.map(Arc::new) }
            })
            .await
    }
}

impl Subject {
    /// The first of the two documents that is there and right.
    async fn fetch(&self) -> Result<ForeignEndpoints, FetchError> {
        let [inserted, appended] = self.issuer.metadata_urls();
        match self.fetch_from(&inserted).await {
            Ok(endpoints) => Ok(endpoints),
            Err(first) => match self.fetch_from(&appended).await {
                Ok(endpoints) => Ok(endpoints),
                // A document that is there and wrong says more than one that is not there.
                Err(FetchError::Refused { .. }) => Err(first),
                Err(second) => Err(second),
            },
        }
    }

    async fn fetch_from(&self, url: &str) -> Result<ForeignEndpoints, FetchError> {
        let fetched = self.fetcher.send(url, self.fetcher.get(url)).await?;
        if fetched.status != StatusCode::OK {
            return Err(refused(url, &fetched));
        }
        let endpoints = foreign_endpoints(&fetched.body, &self.issuer, &self.hosts);
        let complete = endpoints.and_then(|endpoints| match (&endpoints.jwks, &endpoints.introspection) {
            // Only an issuer that makes no JWTs can do without: all others' would be 503 for ever.
            (None, _) if self.rule != IntrospectionRule::Opaque => Err("metadata that says where its keys are"),
            (_, None) if self.rule != IntrospectionRule::Never => Err("metadata that says where its introspection is"),
            _ => Ok(endpoints),
        });
        complete.map_err(|expected| FetchError::Malformed { url: url.to_owned(), expected })
    }
}

/// Reads the metadata of `issuer`, whose endpoints are on its own host or on `hosts`.
///
/// # Errors
/// What it should be, in words that follow "something else than".
pub fn foreign_endpoints(
    document: &[u8],
    issuer: &IssuerUrl,
    hosts: &[String],
) -> Result<ForeignEndpoints, &'static str> {
    let metadata: AuthorizationServerMetadata =
        serde_json::from_slice(document).map_err(|_| "the metadata of this issuer")?;
    // RFC 8414 §3.3: a document that names another issuer is not the one asked for.
    if metadata.issuer != issuer.as_str() {
        return Err("the metadata of this issuer, byte for byte");
    }
    let listed = |url: Option<String>| match url {
        Some(url) if !is_listed(&url, issuer, hosts) => {
            Err("endpoints by https on the issuer's host or the listed hosts")
        }
        url => Ok(url),
    };
    Ok(ForeignEndpoints {
        jwks: listed(metadata.jwks_uri)?,
        introspection: listed(metadata.introspection_endpoint)?,
        introspection_methods: metadata.introspection_endpoint_auth_methods_supported,
    })
}

/// Whether the server may call `url`: https, or http on this machine for an issuer on this machine; a host that the operator named; nothing
/// in it but scheme, host, path and query.
fn is_listed(url: &str, issuer: &IssuerUrl, hosts: &[String]) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let on_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let safe = match url.scheme() {
        "https" => true,
        "http" => issuer.is_loopback() && on_loopback,
        _ => false,
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let authority = format!("{}{port}", url.host_str().unwrap_or_default());
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    safe && plain && (authority == issuer.authority() || hosts.contains(&authority))
}

#[cfg(test)]
mod tests {
    use super::foreign_endpoints;
    use crate::config::IssuerUrl;
    use serde_json::json;

    const ISSUER: &str = "https://id.example.com/realms/main";

    fn jwks(issuer: &str, hosts: &[&str], url: &str) -> Result<Option<String>, &'static str> {
        let issuer = IssuerUrl::parse(issuer).expect("a URL");
        let document = json!({"issuer": issuer.as_str(), "jwks_uri": url}).to_string();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        foreign_endpoints(document.as_bytes(), &issuer, &hosts).map(|endpoints| endpoints.jwks)
    }

    #[test]
    fn endpoints_are_where_the_operator_said() {
        let own = "https://id.example.com/realms/main/certs";
        assert_eq!(jwks(ISSUER, &[], own), Ok(Some(own.to_owned())));
        assert!(jwks(ISSUER, &["keys.example.com"], "https://keys.example.com/certs?v=3").is_ok());
        assert!(jwks(ISSUER, &["10.0.0.7:8443"], "https://10.0.0.7:8443/certs").is_ok(), "listed by the operator");
        for bad in [
            "https://keys.example.com/certs",
            "http://id.example.com/certs",
            "https://id.example.com:8443/certs",
            "https://user@id.example.com/certs",
            "https://id.example.com/certs#x",
            "https://id.example.com.evil.example/certs",
            "https://id.example.com@evil.example/certs",
            "https://169.254.169.254/latest/meta-data",
            "https://[::ffff:169.254.169.254]/",
            "https://127.0.0.1/certs",
            "http://127.0.0.1/certs",
            "file:///etc/passwd",
            "/certs",
            "",
        ] {
            assert!(jwks(ISSUER, &[], bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_an_issuer_on_this_machine() {
        let loopback = "http://127.0.0.1:9000";
        assert!(jwks(loopback, &[], "http://127.0.0.1:9000/certs").is_ok());
        assert!(jwks(loopback, &["localhost:9001"], "http://localhost:9001/certs").is_ok());
        assert!(jwks(loopback, &[], "http://localhost:9000/certs").is_err(), "another name is another host");
        assert!(jwks(loopback, &["keys.example.com"], "http://keys.example.com/certs").is_err());
    }

    #[test]
    fn a_document_is_about_its_issuer_alone() {
        let issuer = IssuerUrl::parse(ISSUER).expect("a URL");
        for bad in [
            json!({"issuer": format!("{ISSUER}/")}).to_string(),
            json!({"issuer": "https://evil.example"}).to_string(),
            json!({}).to_string(),
            format!("{{\"issuer\":\"{ISSUER}\",\"issuer\":\"{ISSUER}\"}}"),
            "[]".to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(foreign_endpoints(bad.as_bytes(), &issuer, &[]).is_err(), "{bad}");
        }
        let bare = json!({"issuer": ISSUER, "jwks_uri": 7}).to_string();
        assert_eq!(foreign_endpoints(bare.as_bytes(), &issuer, &[]).expect("a document").jwks, None);
    }
}
