//! What is issued: access tokens, ID tokens and their lifetimes; and whether one that was issued is still good.

pub mod access_token;
pub mod id_token;
pub mod inspect;
pub mod introspect;
pub mod lifetimes;
pub mod revocations;
pub mod security_event;

pub use access_token::{AccessToken, AccessTokenRequest, GrantClaims, mint};
pub use id_token::{IdTokenRequest, mint_id_token};
pub use inspect::{VerifiedTokens, inspect};
pub use lifetimes::Lifetimes;
pub use revocations::{Generation, Revocations};
