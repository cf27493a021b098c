//! The authorization request (RFC 6749 §4.1.1, OAuth 2.1 §4.1.1): one check a file, the order here.

mod check_client;
mod check_grant_type;
mod check_id_token_hint;
mod check_max_age;
mod check_nonce;
mod check_pkce;
mod check_prompt;
mod check_redirect_uri;
mod check_request_object;
mod check_resource;
mod check_response_mode;
mod check_response_type;
mod check_scope;
mod check_unchanged;
pub mod decide;
pub mod error;
mod machine;
pub mod next_step;
pub mod pending_request;
mod read_login_hint;
pub mod return_address;
pub mod wanted_person;
pub mod widen_grant;

pub use check_prompt::Prompt;
pub use error::{AuthorizationError, PageRefusal, Refusal};
pub use pending_request::{PendingRequest, ShownRequest};
pub use return_address::ReturnAddress;
pub use wanted_person::WantedPerson;

use crate::{app::App, clients::Client, parameters::Parameters, resources::Resource};
use check_scope::AskedScope;
use shared::clock::UnixSeconds;
use std::sync::Arc;

/// Checks a request. Has no effect on anything: whoever asks twice gets two requests, and neither is anywhere but in its form.
///
/// # Errors
/// [`AuthorizationError`]: a page until the client and its redirect URI are known, a redirect afterwards.
pub async fn check(app: &App, parameters: &Parameters, now: UnixSeconds) -> Result<PendingRequest, AuthorizationError> {
    machine::drive(app, parameters, now).await
}

/// What is known of a request on its way through the checks.
struct Bound {
    client: Arc<Client>,
    address: ReturnAddress,
    person: WantedPerson,
    resource: Option<Arc<Resource>>,
    scope: AskedScope,
}

impl Bound {
    fn refuse(&self, refusal: Refusal) -> AuthorizationError {
        AuthorizationError::Redirect { address: self.address.clone(), refusal }
    }
}

/// First: who asks and where the answer goes. A refusal here can only be a page.
async fn bind(app: &App, parameters: &Parameters) -> Result<Bound, AuthorizationError> {
    let client = check_client::check_client(&app.clients, parameters.get("client_id")).await?;
    let address = check_redirect_uri::check_redirect_uri(&client, parameters)?;
    let mut bound =
        Bound { client, address, person: WantedPerson::default(), resource: None, scope: AskedScope::default() };
    bound.person = check_form(app, &bound.client, parameters).map_err(|refusal| bound.refuse(refusal))?;
    Ok(bound)
}

/// Second: the form of the request. From here on the client is told.
fn check_form(app: &App, client: &Client, parameters: &Parameters) -> Result<WantedPerson, Refusal> {
    check_grant_type::check_grant_type(client)?;
    check_request_object::check_request_object(parameters)?;
    check_response_type::check_response_type(parameters)?;
    check_response_mode::check_response_mode(parameters)?;
    check_pkce::check_pkce(parameters)?;
    check_nonce::check_nonce(parameters)?;
    let prompt = check_prompt::check_prompt(parameters)?;
    Ok(WantedPerson {
        prompt,
        max_age_seconds: check_max_age::check_max_age(client, parameters)?,
        user_id: check_id_token_hint::check_id_token_hint(&app.keys, &app.issuer, client, prompt, parameters)?,
        login_hint: read_login_hint::read_login_hint(parameters),
    })
}

/// Third: what the token is for.
fn extend(app: &App, bound: &mut Bound, parameters: &Parameters) -> Result<(), AuthorizationError> {
    let resource = check_resource::check_resource(&app.resources, &bound.client, parameters)
        .map_err(|cause| cause.at(|refusal| bound.refuse(refusal)))?;
    bound.resource = Some(resource);
    Ok(())
}

/// Last: what it may do.
fn negotiate(bound: &mut Bound, parameters: &Parameters) -> Result<(), AuthorizationError> {
    if let Some(resource) = &bound.resource {
        bound.scope =
            check_scope::check_scope(&bound.client, resource, parameters).map_err(|refusal| bound.refuse(refusal))?;
    }
    Ok(())
}
