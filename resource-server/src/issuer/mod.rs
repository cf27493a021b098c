//! Authorization servers as this side sees them: over HTTP, and nothing else.

pub mod discovery;
pub mod documents;
pub mod endpoints;
pub mod enrolment;
pub mod event_feed;
pub mod fetch;
pub mod find_keys;
pub mod follow;
pub mod held_document;
pub mod introspection;
pub mod jwks;
pub mod machine_token;
pub mod questions;
