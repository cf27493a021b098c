//! Parse, call, render: one file an endpoint, at most 40 lines a function; rules live below.

pub mod assets;
pub mod authorize;
pub mod consent;
pub mod form;
pub mod guard;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod register;
pub mod reset_password;
pub mod resource_registry;
pub mod respond;
pub mod revocation_list;
pub mod set_up;
pub mod sign_in;
pub mod sign_out;
pub mod token;
