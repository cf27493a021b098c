//! Postern.
