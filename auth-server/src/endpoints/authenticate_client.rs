//! Client authentication, as the endpoints for clients ask for it (RFC 6749 §2.3).

use crate::{
    app::App,
    clients::{
        Client,
        authenticate::{AuthenticatedClient, Authenticator, ClientRequest},
    },
    error::OAuthError,
    parameters::Parameters,
    router::paths,
};
use http::HeaderMap;
use shared::{clock::UnixSeconds, http::AddressBlock};
use url::Url;

/// Authenticates the client of a request to the endpoint at `path`. A client assertion may be for the issuer, for the token
/// endpoint, its alias, or the endpoint that is called (RFC 7523 §3; clients differ). Whoever is answered has the assertion used up by what
/// the answer gives; whom `may_ask` refuses has proved itself, but its assertion leaves no row.
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

fn assertion_audiences(issuer: &str, path: &str) -> Vec<String> {
    let origin = Url::parse(issuer).map_or_else(|_| issuer.to_owned(), |url| url.origin().ascii_serialization());
    let (canonical, called) = (format!("{issuer}{}", paths::TOKEN), format!("{issuer}{path}"));
    vec![issuer.to_owned(), canonical, called, format!("{origin}/token")]
}
