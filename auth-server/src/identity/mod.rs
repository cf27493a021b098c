//! What clients may learn of a person (OpenID Connect Core §5): the scopes that ask for it, the claims that answer, and how a client says
//! whom it means.

pub mod claims;
pub mod hint;
pub mod scopes;
