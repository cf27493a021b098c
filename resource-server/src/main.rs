//! `resource-server`: the MCP server of Postern as a process of its own.

use clap::Parser as _;
use resource_server::cli::{Arguments, execute};
use shared::process::{Surroundings, end};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::protocol::jwt::install_stock_provider();
    end("resource-server", execute(arguments, Surroundings::of_this_process(), &mut std::io::stdout()).await, |_| 1)
}
