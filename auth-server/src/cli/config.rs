//! `config check` and `config print`.

use super::CommandError;
use crate::config::Settings;
use clap::{Args, Subcommand};
use shared::config::{TableDescription, print_reference, print_sample};
use std::io::Write;

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Name everything that is wrong with it.
    #[command(after_help = "Example:\n  postern --config postern.toml config check")]
    Check,
    /// Print every setting with its comment and default, as TOML.
    #[command(after_help = "Example:\n  postern config print > postern.toml")]
    Print(PrintFormat),
}

/// How the settings are printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PrintFormat {
    /// Print the reference as Markdown instead.
    #[arg(long)]
    pub markdown: bool,
}

impl PrintFormat {
    /// Prints `tables`.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print(self, tables: &[TableDescription], output: &mut dyn Write) -> Result<(), CommandError> {
        let text = if self.markdown { print_reference(tables) } else { print_sample(tables) };
        Ok(output.write_all(text.as_bytes())?)
    }
}

/// Says that the settings are usable: whoever loaded them found nothing wrong.
pub(super) fn check(settings: &Settings, output: &mut dyn Write) -> Result<(), CommandError> {
    Ok(writeln!(output, "the configuration is usable: {}", settings.auth_server.public_url)?)
}
