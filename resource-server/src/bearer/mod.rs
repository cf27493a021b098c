//! Bearer tokens: where they are, whether they are good, who they speak for, whether they are revoked.

pub mod cache;
pub mod check_revocation;
pub mod extract;
pub mod guesser;
pub mod identify;
pub mod issuers;
pub mod principal;
pub mod revocations;
pub mod verified_token;
pub mod verify_with_keys;
