//! One file a grant type, through the machines of oxide-auth.
//!
//! The order for every grant: the client's proof fits, the grant type is allowed, the client is authenticated (by the endpoint), our checks pass
//! and theft is decided, then the machine runs, the token is signed, and the transaction that uses the client's assertion up decides whether it is shown.

pub mod authorization_code;
pub mod check_target;
pub mod client_credentials;
pub mod end_client_access;
pub mod end_grant;
pub mod machine;
pub mod narrow_scope;
pub mod rate_limits;
pub mod refresh_token;
pub mod refusal;
pub mod revoke_all;
pub mod revoke_grant;
pub mod revoke_token;

pub use rate_limits::Counted;
pub use refusal::GrantRefusal;

use crate::{
    app::App,
    clients::{
        Client, GrantType,
        authenticate::{AuthenticatedClient, Spent},
    },
    parameters::Parameters,
    tokens::{AccessToken, Generation},
};
use shared::{
    clock::UnixSeconds,
    http::AddressBlock,
    protocol::{opaque_token::OpaqueToken, scope::ScopeSet},
    secret::Secret,
};

/// A token request whose client is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct TokenCall<'a> {
    /// The form.
    pub parameters: &'a Parameters,
    /// The client.
    pub client: &'a AuthenticatedClient,
    /// Where the request came from.
    pub address_block: Option<AddressBlock>,
    /// The time of the request.
    pub now: UnixSeconds,
    /// What was known to be revoked before anything was read for it.
    pub known: Generation,
}

/// What a grant buys (RFC 6749 §5.1).
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: AccessToken,
    /// The ID token, when the scope has `openid`.
    pub id_token: Option<Secret>,
    /// The refresh token.
    pub refresh_token: Option<OpaqueToken>,
    /// What the access token may be used for.
    pub scope: ScopeSet,
    /// What the limit said that this was counted under.
    pub counted: Option<Counted>,
    /// That the client's proof was used up for this.
    pub spent: Spent,
}

/// The grant type a request names, if its client may use it. Writes nothing.
///
/// # Errors
/// It is missing, not served, or not for this client.
pub fn check_grant_type(parameters: &Parameters, client: &Client) -> Result<GrantType, GrantRefusal> {
    let word = parameters.get("grant_type").ok_or(GrantRefusal::Missing("The parameter grant_type is missing."))?;
    let grant_type = GrantType::parse(word).ok_or(GrantRefusal::UnsupportedGrantType)?;
    if client.allows_grant(grant_type) { Ok(grant_type) } else { Err(GrantRefusal::UnauthorizedClient) }
}

/// Answers a token request by its `grant_type` (RFC 6749 §4).
///
/// # Errors
/// Why there is no token.
pub async fn answer(app: &App, call: &TokenCall<'_>) -> Result<TokenAnswer, GrantRefusal> {
    let grant_type = check_grant_type(call.parameters, &call.client.client)?;
    let answered = match grant_type {
        GrantType::AuthorizationCode => authorization_code::answer(app, call).await,
        GrantType::RefreshToken => refresh_token::answer(app, call).await,
        GrantType::ClientCredentials => client_credentials::answer(app, call).await,
    };
    match &answered {
        Ok(_) => app.metrics.count_tokens(grant_type),
        Err(refusal) if refusal.is_ours() => {}
        Err(_) => call.client.spend_in_vain(&app.store).await?,
    }
    answered
}
