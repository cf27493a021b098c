//! Parse, call, render: one file an endpoint, at most 40 lines a function; rules live below.

pub mod assets;
mod authenticate_client;
pub mod authorize;
pub mod consent;
mod cookie;
pub mod form;
pub mod guard;
pub mod health;
pub mod home;
pub mod introspect;
pub mod json_body;
pub mod jwks;
pub mod metadata;
pub mod not_found;
mod page;
pub mod public_document;
pub mod register;
pub mod reset_password;
pub mod resource_registry;
pub mod respond;
pub mod revocation_list;
mod same_origin;
pub mod set_up;
pub mod sign_in;
pub mod sign_out;
pub mod token;
mod visit;
