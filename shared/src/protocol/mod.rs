//! Pure words of the protocols, without I/O.

pub mod error_code;
pub mod opaque_token;
pub mod pkce;
pub mod scope;
