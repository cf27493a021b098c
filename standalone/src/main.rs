//! `postern`: both servers in one process. It composes and decides nothing; the servers meet over HTTP here, too.

mod cli;
mod data_lock;
mod greeting;
mod serve;
mod settings;

use clap::Parser as _;
use shared::process::{Surroundings, end};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // Before anything signs or verifies: whoever comes first installs theirs for the whole process.
    auth_server::install_crypto_provider();
    let done = cli::execute(arguments, Surroundings::of_this_process()).await;
    end("postern", done, cli::CommandError::exit_code)
}
