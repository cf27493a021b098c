//! Resources (RFC 8707): what tokens are for. Registered objects with scopes, the roles that may hold each, the tools behind each.

pub mod enrol_resource_server;
pub mod grantable;
pub mod register_resource;
pub mod registry;
pub mod remove_resource;
pub mod resource;
pub mod set_resource_tokens;

pub use grantable::{default_scope, grantable, identity_part};
pub use registry::{ResourceRegistry, TargetError};
pub use resource::Resource;
