//! The command line of `postern`: no command serves, and so does `serve`; the servers' own commands are mounted beside it.

use crate::{data_lock::DataLockError, serve, settings::Settings};
use auth_server::{
    cli::{CommandError as AuthCommandError, ManageCommand, manage},
    resources::enrol_resource_server::EnrolRefusal,
};
use clap::{Parser, Subcommand};
use shared::{
    config::{ConfigCommand, ConfigurationError, Sources, TableDescription, write_warnings},
    db::StoreError,
    process::{OUTPUT_CLOSED, Surroundings, is_output_closed},
    protocol::{jwk::JwkError, jwt::AssertionSignerError},
    telemetry::TelemetryError,
};
use std::{io::Write as _, path::PathBuf};

/// The OAuth front door for MCP servers: authorization server and MCP resource server in one command.
///
/// Without a command it serves, keeping its state in ./data.
#[derive(Debug, Parser)]
#[command(
    name = "postern",
    version,
    after_help = "Examples:\n  postern\n  postern user list\n  postern grant revoke ID"
)]
pub struct Arguments {
    /// The configuration file; ./postern.toml is read if it is there.
    #[arg(long, global = true, help_heading = "General options", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The directory that state is kept in (./data).
    #[arg(long, global = true, help_heading = "General options", value_name = "DIRECTORY")]
    pub data_dir: Option<String>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop (Ctrl-C), as without a command.
    #[command(after_help = "Example:\n  postern serve")]
    Serve,
    /// Look at the configuration.
    #[command(subcommand, after_help = "Example:\n  postern config check")]
    Config(ConfigCommand),
    /// Users, clients, grants, resource servers, keys.
    #[command(flatten)]
    Manage(ManageCommand),
}

/// Why a command failed: one clear text.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// A command of the authorization server.
    #[error(transparent)]
    Manage(#[from] AuthCommandError),
    /// The authorization server does not start.
    #[error(transparent)]
    AuthServer(#[from] auth_server::app::StartError),
    /// The resource server does not start.
    #[error(transparent)]
    ResourceServer(#[from] resource_server::app::StartError),
    /// The data directory is not ours to serve from.
    #[error(transparent)]
    DataLock(#[from] DataLockError),
    /// The resource server could not be made known to the authorization server.
    #[error(transparent)]
    Enrol(#[from] EnrolRefusal),
    /// The resource server has no key.
    #[error(transparent)]
    Key(#[from] AssertionSignerError),
    /// Its key makes no key set.
    #[error(transparent)]
    KeySet(#[from] JwkError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Logs.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
    /// A server ended by itself.
    #[error("a server ended before it was told to; the log says why")]
    EndedEarly,
}

impl CommandError {
    /// What the process ends with: see [`AuthCommandError::exit_code`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Manage(error) => error.exit_code(),
            Self::Output(error) if is_output_closed(error) => OUTPUT_CLOSED,
            _ => 1,
        }
    }
}

/// Does what `arguments` say.
///
/// # Errors
/// [`CommandError`].
pub async fn execute(arguments: Arguments, surroundings: Surroundings) -> Result<(), CommandError> {
    let mut output = std::io::stdout();
    surroundings.warn_of_misspelt("postern", &tables());
    let environment = surroundings.environment.clone();
    let (config, data_dir) = (arguments.config.as_deref(), arguments.data_dir);
    let sources = || -> Result<Sources, ConfigurationError> {
        Ok(Sources::read(config, environment)?.with_optional_flag("shared", "data_dir", "--data-dir", data_dir))
    };
    if let Some(Command::Config(ConfigCommand::Print(format))) = &arguments.command {
        let text = format.text(&tables(), || Settings::load(&sources()?).map(|settings| settings.sources))?;
        return Ok(output.write_all(text.as_bytes())?);
    }
    let settings = Settings::load(&sources()?)?;
    match arguments.command {
        None | Some(Command::Serve) => {
            let _logs = surroundings.install_logs(settings.auth_server.shared.log_format)?;
            serve::serve(settings, surroundings).await
        }
        Some(Command::Config(_)) => {
            let issuer = &settings.auth_server.auth_server.public_url;
            let resource = settings.resource_server.resource();
            writeln!(output, "the configuration is usable: {resource} behind {issuer}")?;
            let warnings = [settings.auth_server.warnings(), settings.resource_server.warnings()].concat();
            Ok(write_warnings(&warnings, &mut output)?)
        }
        Some(Command::Manage(command)) => {
            let Surroundings { clock, random, .. } = surroundings;
            Ok(manage(command, settings.auth_server, &clock, random, &mut output).await?)
        }
    }
}

/// Every table there is, each once.
pub fn tables() -> Vec<TableDescription> {
    let mut tables = auth_server::cli::tables();
    let names: Vec<_> = tables.iter().map(|table| table.table).collect();
    tables.extend(resource_server::cli::tables().into_iter().filter(|table| !names.contains(&table.table)));
    tables
}

#[cfg(test)]
mod tests {
    use super::{Arguments, tables};
    use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

    /// `postern config print --markdown > docs/configuration.md` makes it anew.
    #[test]
    fn the_reference_in_docs_is_what_the_tables_say() {
        let written = include_str!("../../docs/configuration.md");
        assert_eq!(written, shared::config::print_reference(&tables()));
    }

    const HELP: [ErrorKind; 2] = [ErrorKind::DisplayHelp, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    const MANUALS: [(&str, &str); 2] = [
        ("docs/operations.md", include_str!("../../docs/operations.md")),
        ("docs/administration.md", include_str!("../../docs/administration.md")),
    ];

    /// The commands that a manual names, a line of a block or a code span each.
    fn commands(manual: &str) -> Vec<String> {
        let manual = manual.replace("\\\n", " ");
        let (mut found, mut in_block) = (Vec::new(), false);
        for line in manual.lines() {
            if line.starts_with("```") {
                in_block = !in_block;
            } else if in_block {
                found.push(line.trim());
            } else {
                found.extend(line.split('`').skip(1).step_by(2));
            }
        }
        // A name that stands for many commands is none.
        found
            .into_iter()
            .filter(|text| text.starts_with("postern ") && !text.contains('…'))
            .map(str::to_owned)
            .collect()
    }

    /// The words that a shell would make of a command, as far as the manuals go: double quotes, a comment, a redirect.
    fn words(command: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in command.split(['#', '>']).next().unwrap_or_default().split('"').enumerate() {
            if index % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words
    }

    #[test]
    fn the_commands_of_the_manuals_are_commands() {
        for (path, manual) in MANUALS {
            let commands = commands(manual);
            assert!(commands.len() > 3, "{path} names commands");
            for command in commands {
                let refusal = Arguments::try_parse_from(words(&command)).err();
                // Whoever asks for help, or names a group of commands alone, is shown it.
                let refusal = refusal.filter(|error| !HELP.contains(&error.kind()));
                assert!(refusal.is_none(), "{path}: {command}\n{}", refusal.expect("there is one"));
            }
        }
    }

    #[test]
    fn a_command_that_is_none_is_found() {
        let named =
            commands("Say `postern user abolish ADDRESS`, not `postern …`.\n```\npostern key list  # all\n```\n");
        assert_eq!(named, ["postern user abolish ADDRESS", "postern key list  # all"]);
        assert!(named.iter().all(|command| Arguments::try_parse_from(words(command)).is_err()));
        assert_eq!(words("postern a \"b c\" > d"), ["postern", "a", "b c"]);
    }

    #[test]
    fn whoever_types_serve_means_it() {
        let arguments = Arguments::try_parse_from(["postern", "serve"]).expect("a command");
        assert!(matches!(arguments.command, Some(super::Command::Serve)));
    }

    #[test]
    fn the_arguments_are_sound_and_every_table_is_there_once() {
        Arguments::command().debug_assert();
        assert_eq!(
            tables().iter().map(|table| table.table).collect::<Vec<_>>(),
            ["shared", "auth_server", "resource_server", "resource_server.trusted_issuers"]
        );
    }
}
