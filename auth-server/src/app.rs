//! The application: the only file that chooses implementations.
