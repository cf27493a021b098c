//! What both servers speak and stand on. A module enters when two crates use it.

pub mod clock;
pub mod config;
pub mod db;
pub mod ephemeral;
pub mod http;
pub mod metrics;
pub mod process;
pub mod protocol;
pub mod random;
pub mod rate_limit;
pub mod sealing;
pub mod secret;
pub mod telemetry;
#[cfg(test)]
mod test_clock;
pub mod trace;
