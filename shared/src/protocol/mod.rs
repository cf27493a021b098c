//! Pure words of the protocols, without I/O.

pub mod access_token_claims;
pub mod authorization_server_metadata;
pub mod error_code;
pub mod event_poll;
pub mod jwk;
pub mod jwt;
pub mod opaque_token;
pub mod pkce;
pub mod protected_resource_metadata;
pub mod resource_document;
pub mod resource_indicator;
pub mod revocation_set;
pub mod scope;
pub mod security_event;
pub mod security_event_token;
pub mod strict_json;
pub mod token_algorithm;
pub mod well_known;
pub mod www_authenticate;
