//! The page behind a one-time link that sets a password.
