//! Table `signing_key`.
