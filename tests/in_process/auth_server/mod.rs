//! The authorization server in process: one module a URL. Each test has a server of its own, in memory, with a clock it sets.

mod answer;
mod authorize;
mod browser;
mod consent;
mod manual_clock;
mod metadata;
mod pages;
mod register;
mod remembered_consent;
mod set_up;
mod sign_in;
mod test_server;
mod visitors;

use answer::Answer;
use manual_clock::ManualClock;
use test_server::TestServer;
