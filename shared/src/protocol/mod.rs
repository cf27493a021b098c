//! Pure words of the protocols, without I/O.

pub mod opaque_token;
pub mod scope;
