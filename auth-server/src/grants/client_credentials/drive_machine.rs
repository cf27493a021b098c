//! The machine of the client credentials grant.

use crate::{
    grants::{
        GrantRefusal, TokenCall,
        machine::{MachineRequest, REDIRECT_URI_OMITTED, scope_in, scope_out},
    },
    resources::Resource,
};
use oxide_auth::{
    code_grant::client_credentials::{ClientCredentials, Error, Input, Output},
    primitives::{
        grant::{Extensions, GrantExtension, Value},
        registrar::{BoundClient, PreGrant, RegisteredUrl},
    },
};
use shared::protocol::scope::ScopeSet;
use std::{borrow::Cow, sync::LazyLock};
use url::Url;

/// RFC 8707 `resource`, as the machine carries it.
struct ResourceExtension;

impl GrantExtension for ResourceExtension {
    fn identifier(&self) -> &'static str {
        "resource"
    }
}

/// Runs the machine for a client that is authenticated; the scope of its token.
///
/// # Errors
/// A refusal of the machine.
pub fn drive_machine(call: &TokenCall<'_>, resource: &Resource, scope: ScopeSet) -> Result<ScopeSet, GrantRefusal> {
    let request = MachineRequest { call, scope: Some(Cow::Owned(scope.to_string())) };
    let mut machine = ClientCredentials::new(&request);
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Authenticate { .. } => Input::Authenticated,
            Output::Binding { client_id } => {
                let redirect_uri = Cow::Owned(nowhere());
                let client_id = Cow::Owned(client_id.to_owned());
                Input::Bound { bound_client: BoundClient { client_id, redirect_uri } }
            }
            Output::Extend => {
                let mut extensions = Extensions::new();
                extensions.set(&ResourceExtension, Value::public(Some(resource.id.clone())));
                Input::Extended { extensions }
            }
            Output::Negotiate { bound_client, .. } => Input::Negotiated {
                pre_grant: PreGrant {
                    client_id: bound_client.client_id.to_string(),
                    redirect_uri: nowhere(),
                    scope: scope_in(&scope)?,
                },
            },
            Output::Ok { pre_grant, .. } => return Ok(scope_out(&pre_grant.scope)),
            Output::Err(error) => return Err(refusal(*error)),
        };
    }
}

/// This grant redirects nowhere; the machine wants to be told where.
fn nowhere() -> RegisteredUrl {
    static NOWHERE: LazyLock<Url> = LazyLock::new(|| REDIRECT_URI_OMITTED.parse().expect("the sentinel is a URL"));
    RegisteredUrl::Semantic(NOWHERE.clone())
}

fn refusal(mut error: Error) -> GrantRefusal {
    match error.description() {
        Some(description) => GrantRefusal::Machine(description.kind()),
        None => GrantRefusal::MachineFault("the client credentials machine was driven out of order"),
    }
}
