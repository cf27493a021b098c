//! The command line: what `resource-server` offers and `postern` mounts.

mod config;
mod serve;

use crate::{
    app::StartError,
    config::{ResourceServerSettings, Settings, TrustedIssuerSettings},
};
use clap::{Args, Parser, Subcommand};
use shared::{
    config::{ConfigurationError, Settings as _, SettingsList, SharedSettings, Sources, TableDescription},
    process::Surroundings,
    telemetry::TelemetryError,
};
use std::{ffi::OsString, io::Write, path::PathBuf};

pub use serve::ServeArguments;

/// The MCP server of Postern: it verifies every call and asks for exactly the scope a call needs.
#[derive(Debug, Parser)]
#[command(name = "resource-server", version, after_help = "Example:\n  resource-server --config postern.toml serve")]
pub struct Arguments {
    /// The configuration file; ./postern.toml is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop (Ctrl-C).
    #[command(
        after_help = "Example:\n  resource-server serve --issuer https://auth.example.com --client-id mcp --private-key-file resource-server.key"
    )]
    Serve(ServeArguments),
    /// Look at the configuration.
    #[command(subcommand, after_help = "Example:\n  resource-server config check")]
    Config(ConfigCommand),
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Name everything that is wrong with it.
    #[command(after_help = "Example:\n  resource-server --config postern.toml config check")]
    Check,
    /// Print every setting with its comment and default, as TOML.
    #[command(after_help = "Example:\n  resource-server config print > postern.toml")]
    Print(PrintFormat),
}

/// How the settings are printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PrintFormat {
    /// Print the reference as Markdown instead.
    #[arg(long)]
    pub markdown: bool,
}

/// Why a command failed: one clear text.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The server does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Logs.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Arguments {
    /// The settings that flags, environment and file give.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settings(&self, environment: Vec<(OsString, OsString)>) -> Result<Settings, ConfigurationError> {
        let sources = Sources::read(self.config.as_deref(), environment)?;
        match &self.command {
            Command::Serve(arguments) => Settings::load(&arguments.flags(sources)),
            Command::Config(_) => Settings::load(&sources),
        }
    }
}

/// Does what `arguments` say. Logs are installed only to serve; whoever calls has installed the crypto provider.
///
/// # Errors
/// [`CommandError`].
pub async fn execute(
    arguments: Arguments,
    surroundings: Surroundings,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    if let Command::Config(ConfigCommand::Print(format)) = arguments.command {
        return format.print(output);
    }
    let settings = arguments.settings(surroundings.environment.clone())?;
    match arguments.command {
        Command::Serve(_) => serve::serve(settings, surroundings).await,
        Command::Config(_) => config::check(&settings, output),
    }
}

/// The tables this server reads, for the sample and the reference.
pub fn tables() -> Vec<TableDescription> {
    vec![
        SharedSettings::describe(),
        ResourceServerSettings::describe(),
        SettingsList::<TrustedIssuerSettings>::describe(),
    ]
}
