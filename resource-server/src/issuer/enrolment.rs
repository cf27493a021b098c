//! Enrolment: this server's resource, written to the issuer's registry. Idempotent; done at each start.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher, refused, send},
    machine_token::MachineTokens,
};
use crate::policy::scope_definition::ScopeDefinition;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// The resource document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceDocument {
    /// The canonical id: what tokens for it have as `aud`.
    pub resource: String,
    /// What people read.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<ScopeDefinition>,
    /// How long its access tokens live; the issuer's default without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_ttl_seconds: Option<i64>,
    /// What signs them; the issuer's default without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
}

/// Writes the document.
pub struct Enrolment {
    /// Where.
    pub endpoints: IssuerEndpoints,
    /// How.
    pub fetcher: Fetcher,
    /// As whom.
    pub tokens: Arc<MachineTokens>,
    /// What.
    pub document: ResourceDocument,
}

impl Enrolment {
    /// Writes it once.
    ///
    /// # Errors
    /// [`FetchError`]; after 401 the machine token is forgotten.
    pub async fn enrol(&self) -> Result<(), FetchError> {
        let token = self.tokens.token().await?;
        let url = &self.endpoints.resources;
        let request = self.fetcher.put_json(url, &self.document).bearer_auth(token.expose());
        let fetched = send(url, request).await?;
        if fetched.status == StatusCode::UNAUTHORIZED {
            self.tokens.forget().await;
        }
        if fetched.status.is_success() { Ok(()) } else { Err(refused(url, &fetched)) }
    }
}
