//! The first issuer's metadata documents, repeated on this origin for clients that look for them here: byte for byte, cached.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher, refused, send},
};
use crate::config::IssuerUrl;
use bytes::Bytes;
use http::StatusCode;
use shared::{
    clock::{SharedClock, UnixSeconds},
    protocol::authorization_server_metadata::AuthorizationServerMetadata,
};
use tokio::sync::Mutex;

/// A document is repeated this long without asking again.
pub const FRESH_SECONDS: i64 = 300;
/// One that cannot be renewed is repeated this long.
pub const USABLE_SECONDS: i64 = 24 * 60 * 60;
/// After a failure nobody asks again for this long.
const FAILURE_PAUSE_SECONDS: i64 = 5;

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
    places: DocumentPlaces,
    fetcher: Fetcher,
    clock: SharedClock,
    authorization_server: Mutex<Held>,
    openid_configuration: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    document: Option<(Bytes, UnixSeconds)>,
    failed_at: Option<UnixSeconds>,
}

impl IssuerDocuments {
    /// Nothing fetched yet.
    pub fn new(places: DocumentPlaces, fetcher: Fetcher, clock: SharedClock) -> Self {
        let (authorization_server, openid_configuration) = (Mutex::default(), Mutex::default());
        Self { places, fetcher, clock, authorization_server, openid_configuration }
    }

    /// The document as the issuer sent it; `None` when there is none to be had.
    pub async fn get(&self, which: Document) -> Option<Bytes> {
        let (held, url) = match which {
            Document::AuthorizationServer => (&self.authorization_server, &self.places.authorization_server),
            Document::OpenidConfiguration => (&self.openid_configuration, &self.places.openid_configuration),
        };
        // Held while fetching: one fetch in flight, the others wait for its result.
        let mut held = held.lock().await;
        let now = self.clock.now();
        let age = held.document.as_ref().map(|(_, at)| now - at);
        let paused = held.failed_at.is_some_and(|at| (0..FAILURE_PAUSE_SECONDS).contains(&(now - at)));
        if !age.is_some_and(|age| (0..FRESH_SECONDS).contains(&age)) && !paused {
            match self.fetch(url).await {
                Ok(document) => *held = Held { document: Some((document, now)), failed_at: None },
                Err(cause) => {
                    tracing::debug!(%cause, "the issuer's metadata cannot be fetched");
                    held.failed_at = Some(now);
                }
            }
        }
        let usable = held.document.as_ref().filter(|(_, at)| now - at < USABLE_SECONDS);
        usable.map(|(document, _)| document.clone())
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        let malformed = || FetchError::Malformed { url: url.to_owned(), expected: "the metadata of this issuer" };
        let fetched = send(url, self.fetcher.get(url)).await?;
        if fetched.status != StatusCode::OK {
            return Err(refused(url, &fetched));
        }
        // RFC 8414 §3.3: a document that names another issuer is not the one asked for.
        let metadata: AuthorizationServerMetadata = serde_json::from_slice(&fetched.body).map_err(|_| malformed())?;
        if metadata.issuer == self.places.issuer { Ok(fetched.body) } else { Err(malformed()) }
    }
}
