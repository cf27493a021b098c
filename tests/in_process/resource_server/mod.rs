//! The resource server in process: its pipeline, documents and tools, behind an issuer that the tests play.

mod batches;
mod discovery;
mod events;
pub mod foreign_issuer;
mod hostile_upstream;
pub mod issuer;
mod limits;
mod messages;
mod metrics;
pub mod opaque_tokens;
mod origins;
mod outages;
mod real_foreign_issuer;
mod real_issuer;
mod revocation;
mod revocation_everywhere;
mod rotation_under_load;
mod scopes;
pub mod server;
pub mod sessions;
pub mod stateless_revision;
mod step_up;
mod tokens;
mod tools;
pub mod trusted_issuers;
mod withdrawn_keys;
