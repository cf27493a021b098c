//! Table `used_assertion`.
