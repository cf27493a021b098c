//! The command line: what `auth-server` offers and `postern` mounts.
//!
//! Commands that manage write to the database together with the change log, so that running servers act within a second.

mod admin;
mod audit;
mod client;
mod grant;
mod keys;
mod manager;
mod organization;
mod organization_member;
mod output;
mod password;
mod resource;
mod resource_server;
mod revoke_all;
mod serve;
mod times;
mod user;

pub use admin::AdminCommand;
pub use audit::AuditCommand;
pub use client::ClientCommand;
pub use grant::GrantCommand;
pub use keys::KeysCommand;
pub use organization::OrganizationCommand;
pub use output::Format;
pub use resource::ResourceCommand;
pub use resource_server::ResourceServerCommand;
pub use revoke_all::RevokeAllArguments;
pub use serve::ServeArguments;
pub use user::UserCommand;

use crate::{
    administration::Refusal,
    app::StartError,
    config::{AuthServerSettings, Settings},
    key_lifecycle::KeyLifecycleError,
    organizations::OrganizationRefusal,
    resources::enrol_resource_server::EnrolRefusal,
    users::{add_user::AddUserError, password_hash::PasswordHashError},
};
use clap::{Parser, Subcommand};
use manager::{Manager, require_state};
use shared::{
    clock::SharedClock,
    config::{
        ConfigCommand, ConfigurationError, Settings as _, SharedSettings, Sources, TableDescription, write_warnings,
    },
    db::StoreError,
    process::{OUTPUT_CLOSED, Surroundings, is_output_closed},
    random::SharedRandom,
    telemetry::TelemetryError,
};
use std::{ffi::OsString, io::Write, path::PathBuf};

/// The authorization server of Postern: people sign in, clients get tokens for exactly one resource.
#[derive(Debug, Parser)]
#[command(name = "auth-server", version, after_help = "Example:\n  auth-server --config postern.toml serve")]
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
        after_help = "Example:\n  auth-server serve --public-url https://auth.example.com --listen 127.0.0.1:9400"
    )]
    Serve(ServeArguments),
    /// Look at the configuration.
    #[command(subcommand, after_help = "Example:\n  auth-server config check")]
    Config(ConfigCommand),
    /// Users, clients, grants, resource servers, keys.
    #[command(flatten)]
    Manage(ManageCommand),
}

/// The commands that manage what the server holds, also while it runs.
#[derive(Debug, Subcommand)]
pub enum ManageCommand {
    /// People who may sign in.
    #[command(subcommand, after_help = "Example:\n  postern user add ada@example.com --administrator")]
    User(UserCommand),
    /// Organizations and who belongs to them.
    #[command(
        subcommand,
        after_help = "Example:\n  postern organization add acme --name \"Acme Inc.\" --owner ada@example.com"
    )]
    Organization(OrganizationCommand),
    /// Clients that an administrator makes: scripts, services, web applications.
    #[command(
        subcommand,
        after_help = "Example:\n  postern client add nightly --grant client_credentials --scope mcp.read --resource http://localhost:9500/mcp"
    )]
    Client(ClientCommand),
    /// What people allowed clients to do.
    #[command(subcommand, after_help = "Example:\n  postern grant list --user ada@example.com")]
    Grant(GrantCommand),
    /// End every grant and every token that was issued until now, for everybody.
    #[command(after_help = "Example:\n  postern revoke-all --yes")]
    RevokeAll(RevokeAllArguments),
    /// Who did what: list it, verify that nothing was changed, hand it to other programs.
    #[command(subcommand, after_help = "Example:\n  postern audit verify")]
    Audit(AuditCommand),
    /// Resource servers that may register what they protect.
    #[command(subcommand, after_help = "Example:\n  postern resource-server add mcp --origin https://mcp.example.com")]
    ResourceServer(ResourceServerCommand),
    /// Everything that the administration interface can do, on this machine's database.
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  postern admin users list --state active"
    )]
    Admin(AdminCommand),
    /// What tokens can be for.
    #[command(subcommand, after_help = "Example:\n  postern resource list")]
    Resource(ResourceCommand),
    /// Keys that sign tokens, and what they are sealed under.
    #[command(subcommand, after_help = "Example:\n  postern keys rotate")]
    Keys(KeysCommand),
}

impl ManageCommand {
    /// Whether it is also given before the first start of an installation: by who enrols a resource server, makes accounts by script, or
    /// wants a key.
    fn prepares(&self) -> bool {
        matches!(
            self,
            Self::ResourceServer(ResourceServerCommand::Add(_))
                | Self::User(UserCommand::Add(_))
                | Self::Keys(KeysCommand::MakeKeyEncryptionKey)
        )
    }
}

/// Why a command failed: one clear text.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The server does not start, or the database cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Logs.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A new account.
    #[error(transparent)]
    AddUser(#[from] AddUserError),
    /// A password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordHashError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyLifecycleError),
    /// An organization or a membership.
    #[error(transparent)]
    Organization(#[from] OrganizationRefusal),
    /// A resource server.
    #[error(transparent)]
    Enrol(#[from] EnrolRefusal),
    /// The command cannot be done as asked.
    #[error("{0}")]
    Refused(String),
    /// There is nothing of the name or id that was given.
    #[error("{0}")]
    NotFound(String),
    /// An operation was refused.
    #[error(transparent)]
    Administration(#[from] Refusal),
    /// Something cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CommandError {
    /// What the process ends with: 1 when it was refused or failed, 3 when there is nothing of the name or id that was given. A command line that
    /// is none ends with 2, and one whose output is not read to its end with [`OUTPUT_CLOSED`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io(error) if is_output_closed(error) => OUTPUT_CLOSED,
            Self::NotFound(_) | Self::Organization(OrganizationRefusal::NotMember) => 3,
            Self::Administration(refusal) if refusal.is_not_found() => 3,
            _ => 1,
        }
    }

    /// A command that cannot be done as asked.
    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// A command about what is not there.
    fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound(what.into())
    }
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
            Command::Config(_) | Command::Manage(_) => sources,
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
    surroundings.warn_of_misspelt("auth-server", &tables());
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
            writeln!(output, "the configuration is usable: {}", settings.auth_server.public_url)?;
            Ok(write_warnings(&settings.warnings(), output)?)
        }
        Command::Manage(command) => manage(command, settings, &surroundings.clock, surroundings.random, output).await,
    }
}

/// Does what a managing command says, in the database that `settings` name.
///
/// # Errors
/// [`CommandError`].
pub async fn manage(
    command: ManageCommand,
    settings: Settings,
    clock: &SharedClock,
    random: SharedRandom,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    if !command.prepares() {
        require_state(&settings)?;
    }
    if let ManageCommand::Admin(command) = command {
        return admin::execute(command, settings, clock, random, output).await;
    }
    let manager = Manager::open(settings, random, clock.now()).await?;
    let done = match command {
        ManageCommand::User(command) => user::execute(command, &manager, output).await,
        ManageCommand::Organization(command) => organization::execute(command, &manager, output).await,
        ManageCommand::Client(command) => client::execute(command, &manager, output).await,
        ManageCommand::Grant(command) => grant::execute(command, &manager, output).await,
        ManageCommand::RevokeAll(arguments) => revoke_all::execute(arguments, &manager, output).await,
        ManageCommand::Audit(command) => audit::execute(command, &manager, output).await,
        ManageCommand::ResourceServer(command) => resource_server::execute(command, &manager, output).await,
        ManageCommand::Admin(_) => Ok(()),
        ManageCommand::Resource(command) => resource::execute(command, &manager, output).await,
        ManageCommand::Keys(command) => keys::execute(command, &manager, output).await,
    };
    manager.store.close().await;
    done
}

/// The tables this server reads, for the sample and the reference.
pub fn tables() -> Vec<TableDescription> {
    vec![SharedSettings::describe(), AuthServerSettings::describe()]
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory as _;

    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Example") || command.get_name() == "help", "{path} has no example");
        assert!(command.get_about().is_some(), "{path} does not say what it does");
        for each in command.get_subcommands() {
            check(each, &path);
        }
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        let command = Arguments::command();
        command.clone().debug_assert();
        check(&command, "");
    }
}
