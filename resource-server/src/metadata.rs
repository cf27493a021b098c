//! What this server says about itself (RFC 9728), and where the authorization server's metadata is repeated.

use crate::{
    config::Settings,
    issuer::documents::{Document, IssuerDocuments},
    refusal::{Refusal, RefusalWriter},
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use shared::{
    config::PublicUrl,
    protocol::{
        protected_resource_metadata::ProtectedResourceMetadata, resource_document::ResourceScope,
        well_known::PROTECTED_RESOURCE,
    },
};

const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The documents of one resource.
pub struct Metadata {
    protected_resource: Bytes,
    documents: IssuerDocuments,
    refusals: RefusalWriter,
}

impl Metadata {
    /// The document of the resource that `settings` and `scopes` describe, and those of the first issuer.
    pub fn new(
        settings: &Settings,
        scopes: &[ResourceScope],
        documents: IssuerDocuments,
        refusals: RefusalWriter,
    ) -> Self {
        let metadata = protected_resource(settings, scopes);
        let protected_resource = serde_json::to_vec(&metadata).expect("the document has text keys only").into();
        Self { protected_resource, documents, refusals }
    }

    /// The protected resource metadata.
    pub fn protected_resource(&self) -> Response {
        document(self.protected_resource.clone())
    }

    /// The first issuer's document as that sends it; 503 when it cannot be had.
    pub async fn issuer_document(&self, which: Document) -> Response {
        match self.documents.get(which).await {
            Some(bytes) => document(bytes),
            None => self.refusals.write(&Refusal::Unavailable),
        }
    }
}

/// Where the metadata of the resource at `path` of `public_url` is (RFC 9728 §3.1: inserted before the path, which is empty at the root).
pub fn protected_resource_url(public_url: &PublicUrl, path: &str) -> String {
    format!("{}{PROTECTED_RESOURCE}{path}", public_url.origin())
}

fn protected_resource(settings: &Settings, scopes: &[ResourceScope]) -> ProtectedResourceMetadata {
    ProtectedResourceMetadata {
        resource: settings.resource(),
        authorization_servers: settings.issuers().map(str::to_owned).collect(),
        scopes_supported: scopes.iter().map(|scope| scope.name.clone()).collect(),
        bearer_methods_supported: vec!["header".to_owned()],
        resource_name: Some(settings.resource_server.name.clone()),
        ..ProtectedResourceMetadata::default()
    }
}

fn document(bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, FIVE_MINUTES);
    response
}
