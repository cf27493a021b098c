//! What clients may learn of a person (OpenID Connect Core §5): the scopes that ask for it, the claims that answer, and how a client says
//! whom it means.

pub mod claims;
pub mod end_session;
pub mod hint;
pub mod post_logout_address;
pub mod scopes;
