//! Table `one_time_link`.
