//! Table `refresh_token`.
