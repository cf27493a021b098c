//! `postern`: both servers in one process. It composes and decides nothing; the servers meet over HTTP here, too.

mod cli;
mod greeting;
mod serve;
mod settings;

use clap::Parser as _;
use shared::{clock::SystemClock, random::SystemRandom};
use std::{io::Write as _, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // Before anything signs or verifies: whoever comes first installs theirs for the whole process.
    auth_server::install_crypto_provider();
    let stop = CancellationToken::new();
    tokio::spawn(shared::http::cancel_on_signal(stop.clone()));
    let surroundings = cli::Surroundings {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        environment: std::env::vars_os().collect(),
        log_filter: std::env::var("RUST_LOG").ok(),
        stop,
    };
    match cli::execute(arguments, surroundings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails, too.
            let _ = writeln!(std::io::stderr(), "postern: {error}");
            ExitCode::FAILURE
        }
    }
}
