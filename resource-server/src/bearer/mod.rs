//! Bearer tokens and what is known of them here: where they are, who they speak for, what was verified lately, what is revoked.

pub mod cache;
pub mod extract;
pub mod guesser;
pub mod not_identified;
pub mod principal;
pub mod refused_tokens;
pub mod revocations;
pub mod signature_budget;
pub mod verified_token;
pub mod verify_signature;
