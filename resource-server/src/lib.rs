//! The MCP resource server and gateway of Postern.
//!
//! [`serve::Server`] is the whole server; [`app::build`] is what answers, without ports, for tests.

pub mod app;
pub mod bearer;
pub mod builtin_resource;
pub mod cli;
pub mod config;
pub mod identification;
pub mod issuer;
pub mod mcp;
pub mod metadata;
pub mod metrics;
pub mod pipeline;
pub mod policy;
mod readiness;
pub mod refusal;
mod router;
pub mod serve;
#[cfg(test)]
mod test_clock;
pub mod trusted_issuers;
pub mod upstreams;
mod weak_map;
