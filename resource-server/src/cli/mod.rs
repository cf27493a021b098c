//! The command line: what `resource-server` offers and `postern` mounts.

mod serve;

use crate::{
    app::StartError,
    config::{ResourceServerSettings, Settings, TrustedIssuerSettings},
};
use clap::{Parser, Subcommand};
use shared::{
    config::{
        ConfigCommand, ConfigurationError, Settings as _, SettingsList, SharedSettings, Sources, TableDescription,
        write_warnings,
    },
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
    #[arg(long, global = true, help_heading = "General options", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The directory that state is kept in (./data).
    #[arg(long, global = true, help_heading = "General options", value_name = "DIRECTORY")]
    pub data_dir: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop (Ctrl-C).
    #[command(
        after_help = "Example:\n  resource-server serve --issuer https://auth.example.com --client-id client_Zm9vYmFyYmF6cXV4MTIz --private-key-file resource-server.key"
    )]
    Serve(ServeArguments),
    /// Look at the configuration.
    #[command(subcommand, after_help = "Example:\n  resource-server config check")]
    Config(ConfigCommand),
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
    /// What flags, environment and file give.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sources(&self, environment: Vec<(OsString, OsString)>) -> Result<Sources, ConfigurationError> {
        let data_dir = self.data_dir.clone();
        let sources = Sources::read(self.config.as_deref(), environment)?;
        let sources = sources.with_optional_flag("shared", "data_dir", "--data-dir", data_dir);
        Ok(match &self.command {
            Command::Serve(arguments) => arguments.flags(sources),
            Command::Config(_) => sources,
        })
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
    surroundings.warn_of_misspelt("resource-server", &tables());
    let environment = surroundings.environment.clone();
    if let Command::Config(ConfigCommand::Print(format)) = &arguments.command {
        let usable = || {
            let sources = arguments.sources(environment)?;
            Settings::load(&sources).map(|_| sources)
        };
        return Ok(output.write_all(format.text(&tables(), usable)?.as_bytes())?);
    }
    let settings = Settings::load(&arguments.sources(environment)?)?;
    match arguments.command {
        Command::Serve(_) => serve::serve(settings, surroundings).await,
        Command::Config(_) => {
            // A server of its own needs an identity, too.
            settings.check_identity()?;
            let (resource, issuers) = (settings.resource(), settings.issuers().collect::<Vec<_>>().join(", "));
            writeln!(output, "the configuration is usable: {resource} behind {issuers}")?;
            Ok(write_warnings(&settings.warnings(), output)?)
        }
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
