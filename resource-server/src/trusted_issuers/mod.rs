//! Authorization servers of somebody else, whose tokens are taken by what their own standard documents say.

pub mod claim_rules;
pub mod client_at_issuer;
pub mod token_introspection;
mod trusted_issuer;

pub use trusted_issuer::TrustedIssuer;
