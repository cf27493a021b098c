//! Table `user_account`.
