//! The table cause → code → status.
