//! Table `audit_event`.
