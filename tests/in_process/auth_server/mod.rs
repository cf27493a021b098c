//! The authorization server in process: one module a URL. Each test has a server of its own, in memory, with a clock it sets.

mod answer;
mod authorize;
pub mod browser;
mod cli;
mod client_authentication;
mod client_directory;
mod consent;
pub mod database;
mod elected_jobs;
pub mod given;
mod introspect;
mod keys;
mod keys_at_start;
mod manual_clock;
mod metadata;
mod nul;
mod openid_tokens;
mod pages;
mod refresh;
mod register;
mod remembered_consent;
mod resource_registry;
mod revocation_list;
mod revoke;
mod set_up;
mod sign_in;
pub mod sign_on;
mod sweep;
pub mod test_server;
mod token;
mod userinfo;
pub mod visitors;

pub use answer::Answer;
use manual_clock::ManualClock;
pub use test_server::TestServer;
