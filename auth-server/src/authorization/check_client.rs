//! `client_id` (RFC 6749 §4.1.1): a client that exists. fastmcp takes 400 for "register again", so a failed look-up is 503.

use super::{AuthorizationError, PageRefusal};
use crate::clients::{Client, ClientDirectory};
use std::sync::Arc;

/// More bytes than this are nobody's id.
const CLIENT_ID_MAX_BYTES: usize = 2048;

/// The client that asks.
pub(super) async fn check_client(
    clients: &ClientDirectory,
    client_id: Option<&str>,
) -> Result<Arc<Client>, AuthorizationError> {
    let client_id = client_id.filter(|id| id.len() <= CLIENT_ID_MAX_BYTES).ok_or(PageRefusal::UnknownClient)?;
    Ok(clients.find(client_id).await?.ok_or(PageRefusal::UnknownClient)?)
}
