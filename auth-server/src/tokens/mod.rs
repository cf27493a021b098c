//! What is issued: access tokens and their lifetimes.

pub mod access_token;
pub mod lifetimes;

pub use access_token::{AccessToken, AccessTokenRequest, GrantClaims, mint};
pub use lifetimes::Lifetimes;
