//! What both servers speak and stand on. A module enters when two crates use it.

pub mod clock;
pub mod db;
pub mod protocol;
pub mod random;
pub mod sealing;
pub mod secret;
