//! `user add`, `list`, `disable`, `reset-password`.

use super::{CommandError, Format, manager::Manager, output::Columns, password};
use crate::{
    audit::Actor,
    store::user_account,
    users::{Email, NewUser, PasswordHasher, User, add_user, disable_user, reset_password},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{io::Write, sync::Arc};

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account. The password is asked for, or read from standard input.
    #[command(
        after_help = "Example:\n  postern user add ada@example.com --administrator\n  echo \"$PASSWORD\" | postern user add ada@example.com --password-stdin"
    )]
    Add(AddArguments),
    /// List all accounts.
    #[command(after_help = "Example:\n  postern user list --json")]
    List(Format),
    /// Close an account: everything it allowed ends at once.
    #[command(after_help = "Example:\n  postern user disable ada@example.com")]
    Disable(AccountArguments),
    /// Print a link through which the user chooses a new password; it works once.
    #[command(after_help = "Example:\n  postern user reset-password ada@example.com")]
    ResetPassword(AccountArguments),
}

/// A new account.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// The e-mail address that names the account.
    pub email: String,
    /// What pages call the person.
    #[arg(long, default_value = "")]
    pub name: String,
    /// The user administers this installation.
    #[arg(long)]
    pub administrator: bool,
    /// Read the password from standard input.
    #[arg(long)]
    pub password_stdin: bool,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// An existing account.
#[derive(Debug, Args)]
pub struct AccountArguments {
    /// The e-mail address that names the account.
    pub email: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

#[derive(Serialize)]
struct Line {
    id: String,
    email: String,
    display_name: String,
    roles: Vec<String>,
    disabled: bool,
}

impl From<User> for Line {
    fn from(user: User) -> Self {
        Self {
            disabled: user.disabled_at.is_some(),
            id: user.id,
            email: user.email.as_str().to_owned(),
            display_name: user.display_name,
            roles: user.roles,
        }
    }
}

impl Columns for Line {
    const HEADINGS: &'static [&'static str] = &["EMAIL", "NAME", "ROLES", "STATE", "ID"];

    fn columns(&self) -> Vec<String> {
        let state = if self.disabled { "disabled" } else { "active" };
        vec![self.email.clone(), self.display_name.clone(), self.roles.join(" "), state.to_owned(), self.id.clone()]
    }
}

#[derive(Serialize)]
struct ResetLink {
    link: String,
    expires_in_seconds: i64,
}

pub(super) async fn execute(
    command: UserCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        UserCommand::Add(arguments) => add(&arguments, manager, output).await,
        UserCommand::List(format) => {
            let users = user_account::list(&mut manager.store.read()).await?;
            format.list(&users.into_iter().map(Line::from).collect::<Vec<_>>(), output)
        }
        UserCommand::Disable(arguments) => {
            let user = find(&arguments.email, manager).await?;
            if !disable_user(&manager.store, manager.random.as_ref(), &Actor::CommandLine, &user.id, manager.now)
                .await?
            {
                return Err(CommandError::refused(format!("{} is disabled already", arguments.email)));
            }
            let line = Line { disabled: true, ..user.into() };
            arguments.format.one(&line, &format!("{} is disabled; everything it allowed has ended", line.email), output)
        }
        UserCommand::ResetPassword(arguments) => reset(&arguments, manager, output).await,
    }
}

async fn add(arguments: &AddArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let password = password::read(arguments.password_stdin)?;
    let passwords = PasswordHasher::new(Arc::clone(&manager.random))?;
    let new = NewUser {
        email: &arguments.email,
        display_name: &arguments.name,
        password: Some(&password),
        is_administrator: arguments.administrator,
    };
    let user =
        add_user(&manager.store, &passwords, manager.random.as_ref(), &Actor::CommandLine, &new, manager.now).await?;
    let line = Line::from(user);
    arguments.format.one(&line, &format!("{} can sign in ({})", line.email, line.roles.join(" ")), output)
}

async fn reset(arguments: &AccountArguments, manager: &Manager, output: &mut dyn Write) -> Result<(), CommandError> {
    let user = find(&arguments.email, manager).await?;
    let token =
        reset_password::fresh_link(&manager.store, manager.random.as_ref(), &Actor::CommandLine, &user.id, manager.now)
            .await?;
    let token = token.ok_or_else(|| CommandError::refused(format!("{} is disabled", arguments.email)))?;
    let link = reset_password::link_url(manager.issuer(), &token).expose().to_owned();
    let answer = ResetLink { link, expires_in_seconds: reset_password::RESET_LINK_SECONDS };
    let minutes = answer.expires_in_seconds / 60;
    let text = format!("Give this link to {}; it works once, for {minutes} minutes:\n{}", arguments.email, answer.link);
    arguments.format.one(&answer, &text, output)
}

/// The user of that address.
pub(super) async fn find(email: &str, manager: &Manager) -> Result<User, CommandError> {
    let address = Email::parse(email).map_err(|_| CommandError::refused(format!("{email:?} is no e-mail address")))?;
    let account = user_account::find_by_email(&mut manager.store.read(), &address).await?;
    let user = account.map(|account| account.user);
    user.ok_or_else(|| CommandError::refused(format!("there is no account {email}")))
}
