//! The store's contract.

mod sendable;
