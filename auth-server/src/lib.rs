//! The OAuth 2.1 authorization server of Postern: router → endpoints → rules → store.

pub mod store;
