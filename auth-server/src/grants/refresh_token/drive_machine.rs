//! The machine of the refresh grant: client binding, expiry and the bound on scope, in an order that it enforces.

use crate::{
    grants::{
        GrantRefusal, TokenCall,
        machine::{MachineRequest, REDIRECT_URI_OMITTED, grant_in, scope_out},
    },
    store::authorization_grant::AuthorizationGrant,
};
use oxide_auth::code_grant::refresh::{Error, Input, Output, Refresh};
use shared::protocol::scope::ScopeSet;
use std::borrow::Cow;

/// Runs the machine for a token that stands; the scope of the access token.
///
/// The machine narrows its copy of the grant and gives it an hour: neither is kept, the stored grant stays as it is.
///
/// # Errors
/// A refusal of the machine.
pub fn drive_machine(
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    scope: &ScopeSet,
) -> Result<ScopeSet, GrantRefusal> {
    let is_over = grant.revoked_at.is_some() || grant.expires_at <= call.now;
    let mut recovered = Some(Box::new(grant_in(grant, &grant.scope, REDIRECT_URI_OMITTED, is_over)?));
    let text = scope.to_string();
    let asked = || (!text.is_empty()).then_some(Cow::Borrowed(text.as_str()));
    let request = MachineRequest { call, scope: asked() };
    let mut machine = Refresh::new(&request);
    // `Input::None` is good for the first step alone: later on it would throw the machine's state away.
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Unauthenticated { .. } => Input::Authenticated { scope: asked() },
            Output::RecoverRefresh { .. } => Input::Recovered { scope: asked(), grant: recovered.take() },
            Output::Refresh { grant, .. } => return Ok(scope_out(&grant.scope)),
            Output::Ok(_) => return Err(GrantRefusal::MachineFault("the refresh machine issued by itself")),
            Output::Err(error) => return Err(refusal(error)),
        };
    }
}

fn refusal(mut error: Error) -> GrantRefusal {
    match error.description() {
        Some(description) => GrantRefusal::Machine(description.kind()),
        None => GrantRefusal::MachineFault("the refresh machine was driven out of order"),
    }
}
