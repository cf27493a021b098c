//! `revoke-all`.

use super::{CommandError, Format, manager::Manager};
use crate::{audit::Actor, grants::revoke_all::revoke_all};
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Whether it is meant.
#[derive(Debug, Args)]
pub struct RevokeAllArguments {
    /// Yes, everybody has to allow every client anew.
    #[arg(long)]
    pub yes: bool,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

#[derive(Serialize)]
struct AllRevoked {
    grants: u64,
    issued_until: i64,
}

pub(super) async fn execute(
    arguments: RevokeAllArguments,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    if !arguments.yes {
        return Err(CommandError::refused(
            "this ends every grant and every token that was issued until now, for everybody; add --yes if that is meant",
        ));
    }
    let grants = revoke_all(&manager.store, manager.random.as_ref(), &Actor::CommandLine, manager.now).await?;
    let answer = AllRevoked { grants, issued_until: manager.now };
    arguments.format.one(&answer, &format!("everything issued until now is revoked, {grants} grants among it"), output)
}
