//! A client that an administrator made for something else may not ask people (RFC 6749 §4.1.2.1, `unauthorized_client`).

use super::Refusal;
use crate::clients::{Client, GrantType};
use shared::protocol::error_code::ErrorCode;

/// Refuses clients that may not use the authorization code.
pub(super) fn check_grant_type(client: &Client) -> Result<(), Refusal> {
    if client.allows_grant(GrantType::AuthorizationCode) {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::UnauthorizedClient, "This client may not use the authorization code grant."))
}
