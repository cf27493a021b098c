//! Enrolment: this server's resource, written to the issuer's registry. Idempotent; done at each start.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher, refused},
    machine_token::MachineTokens,
};
use shared::protocol::resource_document::ResourceDocument;
use std::sync::Arc;

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
    /// [`FetchError`].
    pub async fn enrol(&self) -> Result<(), FetchError> {
        let token = self.tokens.token().await?;
        let url = &self.endpoints.resources;
        let request = self.fetcher.put_json(url, &self.document).bearer_auth(token.expose());
        let fetched = self.fetcher.send(url, request).await?;
        if fetched.status.is_success() { Ok(()) } else { Err(refused(url, &fetched)) }
    }
}
