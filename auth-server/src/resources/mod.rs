//! Resources (RFC 8707): what tokens are for. Registered objects with scopes, the roles that may hold each, the tools behind each.

pub mod grantable;
pub mod resource;

pub use grantable::{default_scope, grantable};
pub use resource::{Resource, ResourceScope, TokenAlgorithm};
