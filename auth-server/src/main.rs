//! `auth-server`: the authorization server of Postern as a process of its own.

use auth_server::cli::{Arguments, Command, Surroundings, describe_failure, execute};
use clap::Parser as _;
use shared::{clock::SystemClock, random::SystemRandom, telemetry};
use std::{io::Write as _, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    auth_server::install_crypto_provider();
    let environment: Vec<_> = std::env::vars_os().collect();
    let mut logs = None;
    if let (Command::Serve(_), Ok(settings)) = (&arguments.command, arguments.settings(environment.clone())) {
        let filter = std::env::var("RUST_LOG").ok();
        match telemetry::install(settings.shared.log_format, filter.as_deref()) {
            Ok(guard) => logs = Some(guard),
            Err(error) => return fail(&error),
        }
    }
    let stop = CancellationToken::new();
    tokio::spawn(shared::http::cancel_on_signal(stop.clone()));
    let surroundings = Surroundings { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom), environment, stop };
    let done = execute(arguments, surroundings, &mut std::io::stdout()).await;
    drop(logs);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &impl std::fmt::Display) -> ExitCode {
    // Nobody is left to tell when this fails, too.
    let _ = writeln!(std::io::stderr(), "auth-server: {}", describe_failure(error));
    ExitCode::FAILURE
}
