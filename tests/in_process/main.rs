//! What crosses a crate but not a process: the house rules, contracts, flows and attacks. Tests here run in parallel.

mod architecture;
mod auth_server;
mod ephemeral;
mod resource_server;
mod store;
