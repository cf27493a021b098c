//! `auth-server`: the authorization server of Postern as a process of its own.

use auth_server::cli::{Arguments, CommandError, execute};
use clap::Parser as _;
use shared::process::{Surroundings, end};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    auth_server::install_crypto_provider();
    let done = execute(arguments, Surroundings::of_this_process(), &mut std::io::stdout()).await;
    end("auth-server", done, CommandError::exit_code)
}
