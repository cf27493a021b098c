//! From a token to who calls: whose it is, whether whoever made it says so, and whether that still holds.

pub mod check_revocation;
pub mod identify;
pub mod issuers;
