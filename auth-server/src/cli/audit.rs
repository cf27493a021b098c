//! `audit list`, `verify`, `export`.

use super::{CommandError, Format, manager::Manager, output::Columns, user};
use crate::{
    audit::{
        AuditKind,
        export_events::{EventLine, ExportError, export_events},
        verify_chain::{Checkpoint, verify_chain},
    },
    store::audit_event::{self, LabelledRow, Selection},
};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use clap::{Args, Subcommand, ValueEnum};
use serde::{Serialize, Serializer};
use shared::{
    clock::UnixSeconds,
    config::{DurationSeconds, Given, SettingValue as _},
};
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
    /// What an earlier verification printed: the chain must still hold it.
    #[arg(long, value_name = "SEQUENCE:HASH")]
    pub checkpoint: Option<Checkpoint>,
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

impl Serialize for LabelledRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Labelled<'a> {
            #[serde(flatten)]
            event: EventLine<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            user_email: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            client_name: Option<&'a str>,
        }
        let (user_email, client_name) = (self.user_email.as_deref(), self.client_name.as_deref());
        Labelled { event: EventLine::of(&self.row), user_email, client_name }.serialize(serializer)
    }
}

impl Columns for LabelledRow {
    const HEADINGS: &'static [&'static str] = &["TIME", "KIND", "BY", "USER", "CLIENT", "TARGET", "FROM", "REQUEST"];

    fn columns(&self) -> Vec<String> {
        let row = &self.row;
        let user = self.user_email.as_ref().or(row.user_id.as_ref()).or(row.person.as_ref());
        let client = self.client_name.as_ref().or(row.client_id.as_ref());
        let target = row.target.as_ref().or(row.grant_id.as_ref());
        let optional = [row.actor.as_ref(), user, client, target, row.address_block.as_ref(), row.request_id.as_ref()];
        let texts = optional.map(|text| text.cloned().unwrap_or_default());
        [rfc3339(row.at), row.kind.clone()].into_iter().chain(texts).collect()
    }
}

#[derive(Serialize)]
struct Verdict {
    intact: bool,
    rows: i64,
    first_sequence: i64,
    checkpoint: String,
    unchained: i64,
}

#[derive(Serialize)]
struct Broken {
    intact: bool,
    sequence: i64,
    problem: String,
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
            let since = arguments.since.as_deref().map(|text| time(text, manager.now)).transpose()?;
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
    let time = |text: &Option<String>| text.as_deref().map(|text| time(text, manager.now)).transpose();
    let which = Selection {
        user_id: user_id.as_deref(),
        client_id: arguments.client.as_deref(),
        kind: arguments.kind.map(AuditKind::as_str),
        since: time(&arguments.since)?.unwrap_or(i64::MIN),
        before: (time(&arguments.until)?.unwrap_or(i64::MAX), ""),
        limit: arguments.limit,
    };
    let rows = audit_event::list(&mut manager.store.read(), &which).await?;
    arguments.format.list(&rows, output)
}

async fn verify(
    arguments: &VerifyArguments,
    manager: &Manager,
    output: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let key = manager.audit_key().await?;
    match verify_chain(&manager.store, &key, arguments.checkpoint.as_ref()).await? {
        Ok(intact) => {
            let verdict = Verdict {
                intact: true,
                rows: intact.rows,
                first_sequence: intact.first_sequence,
                checkpoint: intact.checkpoint.to_string(),
                unchained: intact.unchained,
            };
            let text = format!(
                "{} events are as they were recorded, {} wait to be chained; checkpoint {}",
                verdict.rows, verdict.unchained, verdict.checkpoint
            );
            arguments.format.one(&verdict, &text, output)
        }
        Err(found) => {
            if arguments.format.json {
                let broken = Broken { intact: false, sequence: found.sequence, problem: found.damage.to_string() };
                arguments.format.one(&broken, "", output)?;
            }
            Err(CommandError::refused(found.to_string()))
        }
    }
}

/// A date, an RFC 3339 time, or so long before `now`.
fn time(text: &str, now: UnixSeconds) -> Result<UnixSeconds, CommandError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp());
    }
    if let Some(midnight) = text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0)) {
        return Ok(midnight.and_utc().timestamp());
    }
    let ago = DurationSeconds::parse(&Given::Text(text.to_owned())).map(|ago| now - ago.seconds());
    ago.map_err(|_| CommandError::refused(format!("{text:?} is no date, no RFC 3339 time and no length of time")))
}

fn rfc3339(at: UnixSeconds) -> String {
    DateTime::from_timestamp(at, 0).map_or(at.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, time};

    #[test]
    fn times_are_dates_times_or_ago() {
        let read = |text| time(text, 1_800_000_000).map_err(|error| error.to_string());
        assert_eq!(read("2027-01-15"), Ok(1_799_971_200));
        assert_eq!(read("2027-01-15T08:00:00+00:00"), Ok(1_800_000_000));
        assert_eq!(read("2027-01-15T09:00:00+01:00"), Ok(1_800_000_000));
        assert_eq!(read("24h"), Ok(1_800_000_000 - 86_400));
        for wrong in ["", "yesterday", "2027-02-30", "-1h"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rfc3339(1_800_000_000), "2027-01-15T08:00:00Z");
    }
}
