//! The load command: what a request costs the server, against a ceiling measured in the same run.
//!
//! Ratio = the ceiling's server CPU per request ÷ ours, each server in its own process, rounds interleaved, the median printed. The ceiling
//! is bare axum doing the one unavoidable thing and reading the same request. Traffic stays on loopback, is bounded and stops by itself.
//! Example: `cargo build --release --workspace --bins && target/release/load --rounds 5 --seconds 3`.

mod bodies;
mod ceiling;
mod durable_ceiling;
mod feed;
mod http_client;
mod idle_stream;
mod measure;
mod report;
mod revocation;
mod rows;
mod subject;
mod twenty_tools;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Parser;

const MAX_ROUNDS: usize = 25;
const MAX_SECONDS: f64 = 60.0;

/// Measures the server CPU per request of Postern and of a ceiling, on this machine, over loopback.
///
/// Example: load --rounds 5 --seconds 3 refresh introspection
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows to measure; all when none is named
    #[arg(value_parser = rows::NAMES.to_vec())]
    rows: Vec<String>,
    /// Interleaved rounds of each row; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in each round, for each side
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Print the rows as JSON
    #[arg(long)]
    json: bool,
    /// Fail when a row stays under the ratio it should reach
    #[arg(long)]
    check: bool,
    /// Serve a ceiling instead: this program runs itself
    #[arg(long, hide = true)]
    ceiling: Option<ceiling::Kind>,
    /// The bytes that the ceiling answers with
    #[arg(long, hide = true)]
    answer: Option<PathBuf>,
    /// Serve twenty tools as the resource server that this file describes instead
    #[arg(long, hide = true)]
    twenty_tools: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let (Some(kind), Some(answer)) = (arguments.ceiling, &arguments.answer) {
        return ceiling::serve(kind, answer).await;
    }
    if let Some(file) = &arguments.twenty_tools {
        return twenty_tools::serve_enrolled(file).await;
    }
    ensure!((1..=MAX_ROUNDS).contains(&arguments.rounds), "--rounds is between 1 and {MAX_ROUNDS}");
    ensure!(arguments.seconds > 0.0 && arguments.seconds <= MAX_SECONDS, "--seconds is at most {MAX_SECONDS}");
    let plan = measure::Plan { rounds: arguments.rounds, seconds: arguments.seconds };
    let mut report = report::Report::new(arguments.json);
    for name in
        rows::NAMES.iter().filter(|name| arguments.rows.is_empty() || arguments.rows.iter().any(|row| row == *name))
    {
        report.add(rows::measure(name, plan).await?);
    }
    report.end();
    ensure!(!arguments.check || report.reaches_every_bound(), "a row stays under its bound");
    Ok(())
}
