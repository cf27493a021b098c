//! Table `resource_server`.
