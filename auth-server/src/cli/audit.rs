//! `audit list`, `verify`, `export`.

use super::{
    CommandError, Format,
    manager::Manager,
    output::{self, Columns},
    times, user,
};
use crate::{
    administration::views::{AuditEventView, AuditVerdictView},
    audit::{
        AuditKind,
        export_events::{ExportError, export_events},
        verify_chain::{Checkpoint, verify_chain},
    },
    store::audit_event::{self, Selection},
};
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List events, the newest first.
    #[command(after_help = "Example:\n  postern audit list --user ada@example.com --since 7d")]
    List(ListArguments),
    /// Verify that no event was changed, removed, moved or put in; fails at the first that was.
    #[command(after_help = "Example:\n  postern audit verify --checkpoint \"$LAST_WEEKS_CHECKPOINT\"")]
    Verify(VerifyArguments),
    /// Write the chained events with their hashes, for other programs.
    #[command(after_help = "Example:\n  postern audit export --since 2026-01-01 > audit.jsonl")]
    Export(ExportArguments),
}

/// Which events.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only those that concern or were caused by the user with this e-mail address or id.
    #[arg(long, value_name = "EMAIL|ID")]
    pub user: Option<String>,
    /// Only those of the client with this id.
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// Only those of this kind, such as sign_in_refused.
    #[arg(long, value_enum)]
    pub kind: Option<AuditKind>,
    /// Only those since: a date, an RFC 3339 time, or so long ago ("24h", "7d").
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those before.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub limit: i64,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// How to verify.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// What an earlier verification printed, or a file with such lines: the chain must still hold each; may be repeated.
    #[arg(long, value_name = "SEQUENCE:HASH|FILE")]
    pub checkpoint: Vec<String>,
    /// How to print.
    #[command(flatten)]
    pub format: Format,
}

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// From the first event on that is not older: a date, an RFC 3339 time, or so long ago ("24h", "7d").
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// In which form.
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub format: ExportFormat,
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
}

impl Columns for AuditEventView {
    const HEADINGS: &'static [&'static str] =
        &["TIME", "KIND", "BY", "USER", "CLIENT", "TARGET", "DETAIL", "FROM", "REQUEST"];

    fn columns(&self) -> Vec<String> {
        let by = self.actor.as_ref().map(|actor| named(actor, self.actor_name.as_deref()));
        let user = self.user_id.as_ref().or(self.person.as_ref()).map(|id| named(id, self.user_email.as_deref()));
        let client = self.client_id.as_ref().map(|id| named(id, self.client_name.as_deref()));
        let target = self.target.as_ref().or(self.grant_id.as_ref());
        let rest = [target, self.detail.as_ref(), self.address_block.as_ref(), self.request_id.as_ref()];
        let texts =
            [by, user, client].into_iter().chain(rest.map(Option::<&String>::cloned)).map(Option::unwrap_or_default);
        [times::both(self.at), self.kind.clone()].into_iter().chain(texts).collect()
    }
}

/// A name, if there still is one, with what never changes beside it.
fn named(id: &str, name: Option<&str>) -> String {
    name.map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
}

pub(super) async fn execute(
    command: AuditCommand,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    match command {
        AuditCommand::List(arguments) => list(&arguments, manager, output).await,
        AuditCommand::Verify(arguments) => verify(&arguments, manager, output).await,
        AuditCommand::Export(arguments) => {
            let since = arguments.since.as_deref().map(|text| times::read(text, manager.now)).transpose()?;
            let ExportFormat::Jsonl = arguments.format;
            let key = manager.audit_key().await?;
            match export_events(&manager.store, &key, since, output).await {
                Ok(_) => Ok(()),
                Err(ExportError::Io(error)) => Err(error.into()),
                Err(ExportError::Chain(error)) => Err(CommandError::refused(error.to_string())),
            }
        }
    }
}

async fn list(
    arguments: &ListArguments,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let user_id = match &arguments.user {
        Some(text) if text.contains('@') => Some(user::find(text, manager).await?.id),
        other => other.clone(),
    };
    let time = |text: &Option<String>| text.as_deref().map(|text| times::read(text, manager.now)).transpose();
    let which = Selection {
        user_id: user_id.as_deref(),
        client_id: arguments.client.as_deref(),
        kind: arguments.kind.map(AuditKind::as_str),
        since: time(&arguments.since)?.unwrap_or(i64::MIN),
        before: (time(&arguments.until)?.unwrap_or(i64::MAX), ""),
        limit: arguments.limit,
    };
    let rows = audit_event::list(&mut manager.store.read(), &which).await?;
    arguments.format.list(rows.into_iter().map(AuditEventView::from).collect(), output)
}

async fn verify(
    arguments: &VerifyArguments,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let noted = checkpoints(&arguments.checkpoint)?;
    let key = manager.audit_key().await?;
    let found = verify_chain(&manager.store, &key, &noted).await?;
    let broken = found.as_ref().err().map(ToString::to_string);
    let verdict = AuditVerdictView::from(found);
    if arguments.format.json {
        arguments.format.one(&verdict, "", output)?;
    }
    match broken {
        Some(what) => Err(CommandError::refused(what)),
        None if arguments.format.json => Ok(()),
        None => output::write_one(&verdict, output),
    }
}

/// What was noted earlier: each text is a checkpoint, or the name of a file that holds some, one a line.
fn checkpoints(given: &[String]) -> Result<Vec<Checkpoint>, CommandError> {
    let mut noted = Vec::new();
    for text in given {
        match (text.parse(), std::fs::read_to_string(text)) {
            (Ok(checkpoint), _) => noted.push(checkpoint),
            (Err(_), Ok(lines)) => {
                let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
                let read =
                    lines.map(|line| line.parse().map_err(|why| CommandError::refused(format!("{text}: {why}"))));
                noted.extend(read.collect::<Result<Vec<Checkpoint>, _>>()?);
            }
            (Err(why), Err(_)) => return Err(CommandError::refused(format!("{why}; and there is no such file"))),
        }
    }
    Ok(noted)
}
