//! Dynamic registration (RFC 7591): what a client asks for, what of it is granted, and what is written.
//!
//! RFC 7591 §2 lets the server replace what it does not support, and §3.2.1 makes it say what it registered. Real clients
//! ask for more than they need, so whatever can be cut is cut and only the rest is refused.

mod authorize_management;
mod budget;
mod check_open;
mod document;
mod negotiate;
mod openid_members;
mod read_keys;
mod refusal;
mod replace_registration;
mod visible_text;

pub use authorize_management::authorize_management;
pub use budget::check_budget;
pub use check_open::check_open;
pub use document::{RegistrationDocument, read, read_replacement};
pub use negotiate::{OFFLINE_ACCESS, Policy, negotiate};
pub use refusal::RegistrationRefusal;
pub use replace_registration::{ReplaceRefusal, replace_registration};

use super::Client;
use crate::store;
use shared::{
    db::{Store, StoreError},
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::{Random, random_id},
    secret::Secret,
};

/// What our client ids begin with; never `https://`, which would be a Client ID Metadata Document.
pub const CLIENT_ID_PREFIX: &str = "client_";

/// Gives a negotiated client its id and, if its method needs one, its secret.
pub fn give_identity(mut client: Client, random: &dyn Random) -> (Client, Option<Secret>) {
    client.id = format!("{CLIENT_ID_PREFIX}{}", random_id(random));
    let secret = client.auth_method.has_secret().then(|| OpaqueToken::generate(TokenKind::ClientSecret, random));
    client.secret_hash = secret.as_ref().map(OpaqueToken::hash);
    (client, secret.map(|secret| Secret::new(secret.expose())))
}

/// Lets a client manage its registration: only the token's hash stays with it (RFC 7592 §1.3).
pub fn give_management(client: &mut Client, random: &dyn Random) -> OpaqueToken {
    let token = OpaqueToken::generate(TokenKind::RegistrationAccessToken, random);
    client.registration_token_hash = Some(token.hash());
    token
}

/// Writes a new client. No cache knows it yet, so nothing is appended to the change log: a flood of registrations costs
/// one row each and wakes nobody.
pub async fn write(store: &Store, client: &Client) -> Result<(), StoreError> {
    store.write(|mut tx| async move { store::client::insert(&mut tx, client).await }).await
}
