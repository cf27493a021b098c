//! Parse, call, render: one file an endpoint, at most 40 lines a function; rules live below.

pub mod admin;
mod authenticate_client;
mod bearer;
pub mod events;
pub mod form;
pub mod guard;
pub mod health;
pub mod introspect;
pub mod json_body;
pub mod jwks;
pub mod metadata;
pub mod not_found;
pub mod pages;
pub mod public_document;
pub mod register;
mod registered_client;
pub mod registration_management;
pub mod resource_registry;
pub mod respond;
pub mod revoke;
pub mod token;
pub mod userinfo;
