//! Table `decided_request`.
