//! The machine of the code grant: client binding, redirect URI, expiry and PKCE (constant time), in an order that it enforces.

use crate::{
    grants::{
        GrantRefusal, TokenCall,
        machine::{MachineRequest, REDIRECT_URI_OMITTED, grant_in, scope_out},
    },
    store::authorization_grant::AuthorizationGrant,
};
use oxide_auth::code_grant::{
    accesstoken::{AccessToken, Error, Input, Output},
    extensions::Pkce,
};
use shared::protocol::{pkce::check_verifier, scope::ScopeSet};
use std::borrow::Cow;

/// Runs the machine over a code that no one presented before; the scope of the token it would buy.
///
/// # Errors
/// [`GrantRefusal::CodeEnded`], [`GrantRefusal::Verifier`], or a refusal of the machine.
pub fn drive_machine(
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    scope: &ScopeSet,
) -> Result<ScopeSet, GrantRefusal> {
    let is_over = grant.revoked_at.is_some() || grant.code_expires_at <= call.now || grant.expires_at <= call.now;
    let redirect_uri = match call.parameters.get("redirect_uri") {
        Some(_) => grant.redirect_uri.as_str(),
        None => REDIRECT_URI_OMITTED,
    };
    let mut recovered = Some(Box::new(grant_in(grant, scope, redirect_uri, is_over)?));
    let request = MachineRequest { call, scope: None };
    let mut machine = AccessToken::new(&request);
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Authenticate { .. } => Input::Authenticated,
            Output::Recover { .. } => Input::Recovered(recovered.take()),
            Output::Extend { extensions } => {
                let pkce = Pkce::required();
                let challenge = extensions.remove(&pkce);
                verify(&pkce, challenge, call.parameters.get("code_verifier"))?;
                Input::Extended { access_extensions: std::mem::take(extensions) }
            }
            Output::Issue { grant } => return Ok(scope_out(&grant.scope)),
            Output::Ok(_) => return Err(GrantRefusal::MachineFault("the code machine issued by itself")),
            Output::Err(error) => return Err(refusal(*error, is_over)),
        };
    }
}

/// The machine's `Pkce` compares in constant time but knows neither length nor alphabet of a verifier (RFC 7636 §4.1).
fn verify(
    pkce: &Pkce,
    challenge: Option<oxide_auth::primitives::grant::Value>,
    verifier: Option<&str>,
) -> Result<(), GrantRefusal> {
    let verifier = verifier.filter(|text| check_verifier(text).is_ok()).ok_or(GrantRefusal::Verifier)?;
    pkce.verify(challenge, Some(Cow::Borrowed(verifier))).map_err(|()| GrantRefusal::Verifier)
}

fn refusal(mut error: Error, is_over: bool) -> GrantRefusal {
    if is_over {
        return GrantRefusal::CodeEnded;
    }
    match error.description() {
        Some(description) => GrantRefusal::Machine(description.kind()),
        None => GrantRefusal::MachineFault("the code machine was driven out of order"),
    }
}
