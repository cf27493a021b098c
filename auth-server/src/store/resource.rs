//! Table `resource`.
