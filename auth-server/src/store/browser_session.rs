//! Table `browser_session`.
