//! Table `remembered_consent`.
