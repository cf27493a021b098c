//! `grant list` and `revoke`.

use super::{CommandError, Format, manager::Manager, output::Columns, times, user};
use crate::{
    administration::views::GrantView,
    audit::Actor,
    grants::end_grant::end_grant,
    store::grant_overview::{self, After, GrantFilter},
};
use clap::{Args, Subcommand};
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

impl Columns for GrantView {
    const HEADINGS: &'static [&'static str] = &["ID", "USER", "CLIENT", "SCOPE", "ORGANIZATION", "RESOURCE", "SINCE"];

    fn columns(&self) -> Vec<String> {
        let (organization, since) = (self.organization_slug.as_deref().unwrap_or("-"), times::both(self.created_at));
        let texts = [&self.id, &self.user_email, &self.client_name, &self.scope, organization, &self.resource, &since];
        texts.into_iter().map(str::to_owned).collect()
    }
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
            arguments.format.list(grants.into_iter().map(GrantView::from).collect(), output)
        }
        GrantCommand::Revoke(arguments) => {
            let RevokeArguments { id, format } = arguments;
            if grant_overview::find(&mut manager.store.read(), &id).await?.is_none() {
                return Err(CommandError::not_found(format!("there is no grant {id}")));
            }
            let random = manager.random.as_ref();
            let text = match end_grant(&manager.store, random, &Actor::CommandLine, &id, manager.now).await? {
                true => format!("{id} is revoked"),
                false => format!("{id} had ended before"),
            };
            format.done(&text, output)
        }
    }
}
