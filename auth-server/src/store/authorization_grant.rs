//! Table `authorization_grant`.
