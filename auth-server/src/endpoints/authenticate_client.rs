//! Client authentication, as the endpoints for clients ask for it (RFC 6749 §2.3).

use crate::{
    app::App,
    clients::{
        Client,
        authenticate::{AuthenticatedClient, Authenticator, ClientRequest, assertion_audiences},
    },
    error::OAuthError,
    parameters::Parameters,
};
use http::HeaderMap;
use shared::{clock::UnixSeconds, http::AddressBlock};

/// Authenticates the client of a request to the endpoint at `path`. Whoever is answered has the assertion used up by what the answer gives;
/// whom `may_ask` refuses has proved itself, but its assertion leaves no row.
///
/// # Errors
/// RFC 6749 §5.2.
pub(super) async fn authenticate_client(
    app: &App,
    headers: &HeaderMap,
    parameters: &Parameters,
    block: AddressBlock,
    path: &str,
    now: UnixSeconds,
    may_ask: impl FnOnce(&Client) -> Result<(), OAuthError>,
) -> Result<AuthenticatedClient, OAuthError> {
    let audiences = || assertion_audiences(&app.issuer, path);
    let request = ClientRequest { headers, parameters, assertion_audiences: &audiences, address_block: Some(block) };
    let authenticator = Authenticator {
        clients: &app.clients,
        store: &app.store,
        failures: &app.authentication_failures,
        limits: &app.limits,
        random: &*app.random,
    };
    let proven = authenticator.prove(&request, now).await?;
    may_ask(&proven.client)?;
    Ok(authenticator.accept(proven, &request, now).await?)
}
