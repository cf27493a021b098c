//! The OAuth 2.1 authorization server of Postern: router → endpoints → rules → store.

pub mod administration;
pub mod app;
pub mod audit;
pub mod authorization;
pub mod change_log;
pub mod cli;
pub mod clients;
pub mod config;
pub mod consent;
pub mod endpoints;
pub mod error;
pub mod grants;
pub mod identity;
pub mod jobs;
pub mod key_lifecycle;
pub mod metrics;
pub mod organizations;
pub mod pages;
pub mod parameters;
pub mod resources;
pub mod router;
pub mod serve;
pub mod store;
pub mod tokens;
pub mod users;

/// For binaries and tests: makes this process sign through parsed keys. Call it before anything else uses a token.
pub use keys::install_crypto_provider;
