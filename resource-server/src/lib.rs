//! The MCP resource server and gateway of Postern.

pub mod bearer;
pub mod issuer;
pub mod mcp;
pub mod policy;
pub mod refusal;
pub mod upstreams;
