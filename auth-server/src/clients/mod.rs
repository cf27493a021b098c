//! Clients (RFC 6749 §2): what they are, how they register, how they are found.

pub mod add_client;
pub mod application_type;
pub mod auth_method;
pub mod authenticate;
pub mod change_client;
pub mod client;
pub mod directory;
pub mod grant_type;
pub mod openid_metadata;
pub mod redirect_uri;
pub mod registration;
pub mod remove_client;
pub mod rotate_secret;

pub use application_type::ApplicationType;
pub use auth_method::AuthMethod;
pub use client::{Client, ClientOrigin};
pub use directory::ClientDirectory;
pub use grant_type::GrantType;
pub use openid_metadata::OpenIdMetadata;
