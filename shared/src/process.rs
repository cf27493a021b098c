//! What every binary does as a process: what it takes from outside, where its logs go, and how it ends.

use crate::{
    clock::{SharedClock, SystemClock},
    config::{TableDescription, describe_failure, misspelt_variables},
    http::cancel_on_signal,
    random::{SharedRandom, SystemRandom},
    telemetry::{self, LogFormat, TelemetryError, TelemetryGuard},
};
use std::{ffi::OsString, fmt::Display, io::Write as _, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The environment variable that says which logs are wanted, in the syntax of `tracing` (`info,auth_server=debug`).
const LOG_FILTER: &str = "RUST_LOG";

/// What commands take from outside.
pub struct Surroundings {
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Cancelled when the server is to stop.
    pub stop: CancellationToken,
}

impl Surroundings {
    /// Those of this process, which from now on stops at a signal. For binaries, inside the runtime.
    pub fn of_this_process() -> Self {
        let stop = CancellationToken::new();
        tokio::spawn(cancel_on_signal(stop.clone()));
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            environment: std::env::vars_os().collect(),
            stop,
        }
    }

    /// Says on standard error which variables of the environment look like settings of `tables` and are not read.
    pub fn warn_of_misspelt(&self, program: &str, tables: &[TableDescription]) {
        for warning in misspelt_variables(&self.environment, tables) {
            // A warning that nobody can be told is no reason to fail.
            let _ = writeln!(std::io::stderr(), "{program}: warning: {warning}");
        }
    }

    /// Installs this process's logs, filtered as the environment says; whoever serves keeps the guard until the end.
    ///
    /// # Errors
    /// [`TelemetryError`].
    pub fn install_logs(&self, format: LogFormat) -> Result<TelemetryGuard, TelemetryError> {
        let filter = self.environment.iter().find(|(name, _)| name == LOG_FILTER).and_then(|(_, value)| value.to_str());
        telemetry::install(format, filter)
    }
}

/// The exit code of a command whose output nobody reads any further (`| head`): what shells report of a program that SIGPIPE ended.
pub const OUTPUT_CLOSED: u8 = 141;

/// Whether it failed because nobody reads any further.
pub fn is_output_closed(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

/// Ends `program`: what failed is told on standard error, in one line where the cause is one, and `code` says which exit code it
/// is. Nothing is told of [`OUTPUT_CLOSED`], which whoever stopped reading knows.
pub fn end<E: Display>(program: &str, done: Result<(), E>, code: impl FnOnce(&E) -> u8) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = code(&error);
            if code != OUTPUT_CLOSED {
                // Nobody is left to tell when this fails, too.
                let _ = writeln!(std::io::stderr(), "{program}: {}", describe_failure(&error));
            }
            ExitCode::from(code)
        }
    }
}
