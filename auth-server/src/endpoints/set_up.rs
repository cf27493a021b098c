//! The set-up page of the first administrator.
