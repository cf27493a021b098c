//! What crosses a crate but not a process: the house rules, contracts, flows and attacks. Tests here run in parallel.
//!
//! `#[cfg(test)]` changes nothing for the compiler; it tells clippy that what is not a test here serves one, and may unwrap and panic.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod auth_server;
#[cfg(test)]
mod ephemeral;
#[cfg(test)]
mod fuzz_corpora;
#[cfg(test)]
mod manual_clock;
#[cfg(test)]
mod metrics_documented;
#[cfg(test)]
mod resource_server;
#[cfg(test)]
mod store;
