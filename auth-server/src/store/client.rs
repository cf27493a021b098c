//! Table `client`.
