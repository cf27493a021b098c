//! The authorization server in process: one module a URL. Each test has a server of its own, in memory, with a clock it sets.

mod answer;
mod authorize;
mod browser;
mod consent;
mod given;
mod manual_clock;
mod metadata;
mod pages;
mod refresh;
mod register;
mod remembered_consent;
mod resource_registry;
mod revocation_list;
mod set_up;
mod sign_in;
mod test_server;
mod token;
mod visitors;

use answer::Answer;
use manual_clock::ManualClock;
use test_server::TestServer;
