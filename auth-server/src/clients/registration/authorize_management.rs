//! Who may manage a registration (RFC 7592 §3): whoever holds the token that registration handed out, and nobody else.

use crate::{
    app::App,
    clients::{
        Client, ClientOrigin,
        authenticate::{AuthenticationError, FailureCause},
    },
};
use shared::{
    clock::UnixSeconds,
    http::AddressBlock,
    protocol::opaque_token::{OpaqueToken, TokenHash, TokenKind},
};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The client `id`, if `token` is its registration access token. An unknown client, one that an administrator made and a wrong
/// token look alike and cost the same work.
///
/// # Errors
/// [`AuthenticationError::Failed`], [`AuthenticationError::TooManyFailures`], or the store did not answer.
pub async fn authorize_management(
    app: &App,
    id: &str,
    token: Option<&str>,
    block: AddressBlock,
    now: UnixSeconds,
) -> Result<Arc<Client>, AuthenticationError> {
    let client = app.clients.find(id).await?.filter(|client| client.origin == ClientOrigin::Dynamic);
    let stored = client.as_ref().and_then(|client| client.registration_token_hash);
    let presented = token.and_then(|token| OpaqueToken::parse(TokenKind::RegistrationAccessToken, token));
    let nobody = TokenHash([0; 32]);
    let presented = presented.map_or(nobody, |token| token.hash());
    let fits = bool::from(presented.0.ct_eq(&stored.unwrap_or(nobody).0));
    if let (Some(client), true, true) = (client, stored.is_some(), fits) {
        return Ok(client);
    }
    app.authentication_failures.check(id, Some(block), now)?;
    app.authentication_failures.record(id, Some(block), now);
    Err(AuthenticationError::Failed { cause: FailureCause::Secret, used_basic: false })
}
