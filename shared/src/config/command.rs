//! `config check` and `config print`, alike in every program.

use super::{
    effective::print_effective,
    problem::{ConfigurationError, Problem},
    reference::print_reference,
    sample::print_sample,
    settings::TableDescription,
    sources::Sources,
};
use clap::{Args, Subcommand};
use std::io::{self, Write};

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Name everything that is wrong with it.
    #[command(after_help = "Example:\n  postern --config postern.toml config check")]
    Check,
    /// Print every setting with its comment and default, as TOML; or what is in effect, and where it comes from.
    #[command(after_help = "Examples:\n  postern config print > postern.toml\n  postern config print --effective")]
    Print(PrintFormat),
}

/// What is printed of the settings.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PrintFormat {
    /// Print the reference as Markdown instead.
    #[arg(long, conflicts_with = "effective")]
    pub markdown: bool,
    /// Print what is in effect instead: each setting with its value and where that comes from. Secrets are not shown.
    #[arg(long)]
    pub effective: bool,
}

/// Prints what `config check` finds besides: a line each. It changes nothing about whether the configuration is usable.
///
/// # Errors
/// The output cannot be written.
pub fn write_warnings(warnings: &[Problem], output: &mut (impl Write + ?Sized)) -> io::Result<()> {
    warnings.iter().try_for_each(|warning| writeln!(output, "warning: {warning}"))
}

impl PrintFormat {
    /// What is to be printed of `tables`. Only what is in effect asks for `usable` sources.
    ///
    /// # Errors
    /// The sources cannot be used.
    pub fn text(
        self,
        tables: &[TableDescription],
        usable: impl FnOnce() -> Result<Sources, ConfigurationError>,
    ) -> Result<String, ConfigurationError> {
        match self {
            Self { effective: true, .. } => Ok(print_effective(tables, &usable()?)),
            Self { markdown: true, .. } => Ok(print_reference(tables)),
            Self { .. } => Ok(print_sample(tables)),
        }
    }
}
