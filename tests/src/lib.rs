//! What the tests stand on: the release binaries as processes, real clients and a real browser, the README as a script.

pub mod conformance_server;
pub mod fuzz_targets;
pub mod oauth_client;
pub mod person;
pub mod poll;
pub mod postern;
pub mod postgres;
pub mod process;
pub mod readme;
pub mod redis;
pub mod resource_server;
pub mod script;
