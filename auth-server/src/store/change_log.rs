//! Table `change_log` and its counter row `change_position`.
