//! `resource-server`: the MCP server of Postern as a process of its own.

use clap::Parser as _;
use resource_server::cli::{Arguments, Surroundings, execute};
use shared::{clock::SystemClock, random::SystemRandom};
use std::{io::Write as _, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::protocol::jwt::install_stock_provider();
    let environment: Vec<_> = std::env::vars_os().collect();
    let stop = CancellationToken::new();
    tokio::spawn(shared::http::cancel_on_signal(stop.clone()));
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        environment,
        identity: None,
        stop,
    };
    let mut output = std::io::stdout();
    match execute(arguments, surroundings, &mut output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails, too.
            let _ = writeln!(std::io::stderr(), "resource-server: {error}");
            ExitCode::FAILURE
        }
    }
}
