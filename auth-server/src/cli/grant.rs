//! `grant list` and `revoke`.

use super::{CommandError, Format, manager::Manager, output::Columns, user};
use crate::{
    audit::Actor,
    grants::end_grant::end_grant,
    store::grant_overview::{self, After, GrantFilter, GrantOverview},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::io::Write;

/// Grants listed at most; `admin grants list` turns pages.
const LISTED_MAX: i64 = 10_000;

/// What can be done with grants.
#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// List what people allowed clients to do, and still stands.
    #[command(after_help = "Example:\n  postern grant list --user ada@example.com --json")]
    List(ListArguments),
    /// End a grant and every token of it, at once.
    #[command(after_help = "Example:\n  postern grant revoke K3b1ZW1hbm5uMjAwMTIz")]
    Revoke(RevokeArguments),
}

/// Whose grants.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only those of the user with this e-mail address.
    #[arg(long, value_name = "EMAIL")]
    pub user: Option<String>,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// Which grant.
#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// The id that `grant list` shows.
    pub id: String,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

impl Columns for GrantOverview {
    const HEADINGS: &'static [&'static str] = &["ID", "USER", "CLIENT", "SCOPE", "ORGANIZATION", "RESOURCE"];

    fn columns(&self) -> Vec<String> {
        let organization = self.organization.as_deref().unwrap_or("-");
        let texts = [&self.id, &self.user, &self.client_name, &self.scope, organization, &self.resource];
        texts.into_iter().map(str::to_owned).collect()
    }
}

#[derive(Serialize)]
struct Revoked<'a> {
    id: &'a str,
    revoked: bool,
}

pub(super) async fn execute(
    command: GrantCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        GrantCommand::List(arguments) => {
            let user_id = match &arguments.user {
                Some(email) => Some(user::find(email, manager).await?.id),
                None => None,
            };
            let filter = GrantFilter { user_id: user_id.as_deref().unwrap_or_default(), ..GrantFilter::default() };
            let mut reader = manager.store.read();
            let grants = grant_overview::list(&mut reader, filter, After::NOTHING, LISTED_MAX, manager.now).await?;
            arguments.format.list(&grants, output)
        }
        GrantCommand::Revoke(arguments) => {
            let random = manager.random.as_ref();
            if !end_grant(&manager.store, random, &Actor::CommandLine, &arguments.id, manager.now).await? {
                return Err(CommandError::refused(format!("there is no grant {} that still stands", arguments.id)));
            }
            let answer = Revoked { id: &arguments.id, revoked: true };
            arguments.format.one(&answer, &format!("{} is revoked", arguments.id), output)
        }
    }
}
