//! The first issuer's metadata documents, repeated on this origin for clients that look for them here: byte for byte, cached.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher, refused},
    held_document::{Freshness, HeldDocument},
};
use crate::config::IssuerUrl;
use bytes::Bytes;
use http::StatusCode;
use shared::{clock::SharedClock, protocol::authorization_server_metadata::AuthorizationServerMetadata};
use std::sync::Arc;

/// For how long a document is repeated.
const FRESHNESS: Freshness =
    Freshness { fresh_seconds: 300, usable_seconds: 24 * 60 * 60, pause_seconds: 5, empty_pause_seconds: 5 };

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// RFC 8414.
    AuthorizationServer,
    /// OpenID Connect Discovery.
    OpenidConfiguration,
}

/// Whose documents, and where they are.
#[derive(Debug, Clone)]
pub struct DocumentPlaces {
    /// What they must name as `issuer`.
    pub issuer: String,
    /// RFC 8414 §3.1: the well-known is inserted before the issuer's path.
    pub authorization_server: String,
    /// OpenID Connect Discovery §4: the well-known is appended to it.
    pub openid_configuration: String,
}

impl From<&IssuerEndpoints> for DocumentPlaces {
    fn from(endpoints: &IssuerEndpoints) -> Self {
        Self {
            issuer: endpoints.issuer.clone(),
            authorization_server: endpoints.authorization_server_metadata.clone(),
            openid_configuration: endpoints.openid_configuration.clone(),
        }
    }
}

impl From<&IssuerUrl> for DocumentPlaces {
    fn from(issuer: &IssuerUrl) -> Self {
        let [authorization_server, openid_configuration] = issuer.metadata_urls();
        Self { issuer: issuer.as_str().to_owned(), authorization_server, openid_configuration }
    }
}

/// The cache of both.
pub struct IssuerDocuments {
    issuer: String,
    fetcher: Fetcher,
    authorization_server: Repeated,
    openid_configuration: Repeated,
}

struct Repeated {
    url: String,
    held: Arc<HeldDocument<Bytes>>,
}

impl Repeated {
    fn new(url: String, clock: &SharedClock) -> Self {
        let held = HeldDocument::new(url.clone(), FRESHNESS, Arc::clone(clock));
        Self { url, held: Arc::new(held) }
    }
}

impl IssuerDocuments {
    /// Nothing fetched yet.
    pub fn new(places: DocumentPlaces, fetcher: Fetcher, clock: &SharedClock) -> Self {
        let DocumentPlaces { issuer, authorization_server, openid_configuration } = places;
        let repeated = |url| Repeated::new(url, clock);
        let (authorization_server, openid_configuration) =
            (repeated(authorization_server), repeated(openid_configuration));
        Self { issuer, fetcher, authorization_server, openid_configuration }
    }

    /// The document as the issuer sent it; `None` when there is none to be had.
    pub async fn get(&self, which: Document) -> Option<Bytes> {
        let Repeated { url, held } = match which {
            Document::AuthorizationServer => &self.authorization_server,
            Document::OpenidConfiguration => &self.openid_configuration,
        };
        held.get(|| fetch(self.fetcher.clone(), url.clone(), self.issuer.clone())).await.ok()
    }
}

async fn fetch(fetcher: Fetcher, url: String, issuer: String) -> Result<Bytes, FetchError> {
    let malformed = || FetchError::Malformed { url: url.clone(), expected: "the metadata of this issuer" };
    let fetched = fetcher.send(&url, fetcher.get(&url)).await?;
    if fetched.status != StatusCode::OK {
        return Err(refused(&url, &fetched));
    }
    // RFC 8414 §3.3: a document that names another issuer is not the one asked for.
    let metadata: AuthorizationServerMetadata = serde_json::from_slice(&fetched.body).map_err(|_| malformed())?;
    if metadata.issuer == issuer { Ok(fetched.body) } else { Err(malformed()) }
}
