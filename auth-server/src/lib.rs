//! The OAuth 2.1 authorization server of Postern: router → endpoints → rules → store.

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
pub mod jobs;
pub mod key_lifecycle;
pub mod pages;
pub mod resources;
pub mod router;
pub mod store;
pub mod tokens;
pub mod users;
