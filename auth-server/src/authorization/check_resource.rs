//! `resource` (RFC 8707 §2): one registered resource that the client may ask for.

use super::{AuthorizationError, PageRefusal, Refusal};
use crate::{
    clients::Client,
    identity::scopes::OPENID,
    parameters::Parameters,
    resources::{Resource, ResourceRegistry, registry::TargetError},
};
use shared::protocol::error_code::ErrorCode;
use std::sync::Arc;

/// What the token will be for, or whom to tell why not.
pub(super) fn check_resource(
    resources: &ResourceRegistry,
    client: &Client,
    parameters: &Parameters,
) -> Result<Arc<Resource>, ResourceRefusal> {
    let asked: Vec<&str> = parameters.all("resource").collect();
    if asked.is_empty() && resources.default().is_none() && asks_who_somebody_is(client, parameters) {
        return Ok(resources.identity());
    }
    let refusal = |description| ResourceRefusal::Refused(Refusal::new(ErrorCode::InvalidTarget, description));
    let resource = resources.resolve(&asked).map_err(|cause| match cause {
        TargetError::OutOfDate => ResourceRefusal::Unavailable,
        TargetError::Missing => refusal("Name the resource that the token is for (RFC 8707)."),
        TargetError::Several => refusal("A token is for one resource; send one resource parameter."),
        TargetError::Malformed => refusal("The resource is no https URI (or http on loopback) without fragment."),
        TargetError::Unknown => {
            refusal("No such resource is registered here; name the one of the protected resource metadata (RFC 9728).")
        }
    })?;
    if !client.may_use(&resource) {
        return Err(refusal("This client may not ask for this resource."));
    }
    Ok(resource)
}

/// An OpenID Connect client knows of no resources; without a default one its token is for userinfo.
fn asks_who_somebody_is(client: &Client, parameters: &Parameters) -> bool {
    let asked = parameters.get("scope").unwrap_or_default();
    client.may_ask_for(OPENID) && asked.split(' ').any(|scope| scope == OPENID)
}

/// Why there is no resource.
pub(super) enum ResourceRefusal {
    /// The client is told.
    Refused(Refusal),
    /// Nobody knows now.
    Unavailable,
}

impl ResourceRefusal {
    pub(super) fn at(self, refuse: impl FnOnce(Refusal) -> AuthorizationError) -> AuthorizationError {
        match self {
            Self::Refused(refusal) => refuse(refusal),
            Self::Unavailable => PageRefusal::Unavailable.into(),
        }
    }
}
