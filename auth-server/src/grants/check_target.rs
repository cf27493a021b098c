//! `resource` at the token endpoint (RFC 8707 §2.2): it may repeat what the grant is for, and nothing else.

use super::GrantRefusal;
use crate::{
    parameters::Parameters,
    resources::{Resource, ResourceRegistry},
};
use std::sync::Arc;

/// The grant's resource, if it is still registered and the request names no other.
///
/// # Errors
/// [`GrantRefusal::Target`], or why a named one means nothing.
pub fn check_target(
    registry: &ResourceRegistry,
    parameters: &Parameters,
    granted: &str,
) -> Result<Arc<Resource>, GrantRefusal> {
    let asked: Vec<&str> = parameters.all("resource").collect();
    let named = if asked.is_empty() { vec![granted] } else { asked };
    // What the grant is for is not told: a public client has proved nothing yet.
    let resource = registry.resolve(&named).map_err(|cause| GrantRefusal::Resource { cause, permitted: Vec::new() })?;
    if resource.id == granted { Ok(resource) } else { Err(GrantRefusal::Target { permitted: Vec::new() }) }
}
