//! The authorization server in process: one module a URL. Each test has a server of its own, in memory, with a clock it sets.

mod answer;
mod given;
mod manual_clock;
mod metadata;
mod refresh;
mod register;
mod resource_registry;
mod revocation_list;
mod test_server;
mod token;

use answer::Answer;
use manual_clock::ManualClock;
use test_server::TestServer;
