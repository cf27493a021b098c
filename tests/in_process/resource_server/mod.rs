//! The resource server in process: its pipeline, documents and tools, behind an issuer that the tests play.

mod batches;
mod discovery;
mod events;
mod hostile_upstream;
mod issuer;
mod limits;
mod messages;
mod metrics;
mod origins;
mod outages;
mod real_issuer;
mod revocation;
mod revocation_everywhere;
mod rotation_under_load;
mod scopes;
pub mod server;
pub mod sessions;
pub mod stateless_revision;
mod tokens;
mod tools;
mod withdrawn_keys;
