//! `resource-server`: the MCP server of Postern as a process of its own.

use clap::Parser as _;
use resource_server::cli::{Arguments, Surroundings, execute};
use shared::{
    clock::SystemClock,
    random::SystemRandom,
    telemetry::{self, LogFormat},
};
use std::{fmt::Display, io::Write as _, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::protocol::jwt::install_stock_provider();
    let environment: Vec<_> = std::env::vars_os().collect();
    // Settings that cannot be used are named by the command itself; until then logs take the default form.
    let settings = arguments.settings(environment.clone());
    let log_format = settings.map_or(LogFormat::Auto, |settings| settings.shared.log_format);
    let _logs = match telemetry::install(log_format, None) {
        Ok(guard) => guard,
        Err(error) => return fail(&error),
    };
    let stop = CancellationToken::new();
    tokio::spawn(shared::http::cancel_on_signal(stop.clone()));
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        environment,
        identity: None,
        stop,
    };
    match execute(arguments, surroundings, &mut std::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn Display) -> ExitCode {
    // Nobody is left to tell when this fails, too.
    let _ = writeln!(std::io::stderr(), "resource-server: {error}");
    ExitCode::FAILURE
}
