//! The audit log.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::{Asked, Page, PageQuery},
    schema,
    views::{AuditEventView, AuditExportView, AuditVerdictView},
};
use crate::{
    audit::{
        AuditKind,
        chain_events::ChainError,
        export_events::{EventLine, export_page},
        verify_chain,
        verify_chain::Checkpoint,
    },
    store::audit_event::{self, AuditFilter, AuditRow, Before, LabelledRow},
};
use clap::ValueEnum as _;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::clock::UnixSeconds;

const NAME: &str = "audit";
const EXPORT: &str = "audit/export";
const COLUMNS: &[&str] =
    &["at", "kind", "actor", "actor_name", "user_email", "user_id", "client_name", "client_id", "grant_id"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "Who did what",
    operations: &[
        Operation::get((NAME, "list"), "/audit", |call| Box::pin(list(call)))
            .does("List what happened, the newest first", "audit list --kind client_added --actor local")
            .query(schema::of::<Listing>)
            .answers(schema::of::<Page<AuditEventView>>)
            .columns(COLUMNS),
        Operation::get((NAME, "export"), "/audit/export", |call| Box::pin(export(call)))
            .does("Hand the chained events over with their hashes, the oldest first", "audit export --limit 200 --json")
            .query(schema::of::<Export>)
            .answers(schema::of::<AuditExportView>)
            .refuses(&[409])
            .columns(&["sequence", "at", "kind", "actor", "hash"]),
        Operation::get((NAME, "verify"), "/audit/verify", |call| Box::pin(verify(call)))
            .does("Verify that no event was changed, removed, moved or put in", "audit verify")
            .query(schema::of::<Verification>)
            .answers(schema::of::<AuditVerdictView>),
    ],
};

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
struct Listing {
    #[serde(flatten)]
    page: PageQuery,
    /// Only what was done so: the id of a user or a client, or administrator, client, user, local, installation.
    actor: Option<String>,
    /// Only events of this kind.
    #[schemars(with = "Option<AuditKind>")]
    kind: Option<String>,
    /// Only events that concern this user.
    user_id: Option<String>,
    /// Only events that concern this client.
    client_id: Option<String>,
    /// Only events since then, in unix seconds.
    since: Option<UnixSeconds>,
    /// Only events before then, in unix seconds.
    until: Option<UnixSeconds>,
}

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Listing = call.query(schema::of::<Listing>)?;
    let asked = Asked::of(NAME, &query.page)?;
    let before =
        if asked.after.is_empty() { Before::NOTHING } else { before(&asked.after).ok_or_else(Refusal::cursor)? };
    let kind = query.kind.as_deref().map(known_kind).transpose()?;
    let filter = AuditFilter {
        kind: kind.map_or("", AuditKind::as_str),
        user_id: query.user_id.as_deref().unwrap_or_default(),
        client_id: query.client_id.as_deref().unwrap_or_default(),
        since: query.since.unwrap_or(0),
        until: query.until.unwrap_or(UnixSeconds::MAX),
        actor: query.actor.as_deref().unwrap_or_default(),
    };
    let rows = audit_event::list_page(&mut call.app.store.read(), filter, before, asked.rows()).await?;
    let key = |LabelledRow { row, .. }: &LabelledRow| format!("{} {}", row.at, row.id);
    Ok(Reply::shows(&asked.page(rows, key, AuditEventView::from)))
}

fn known_kind(text: &str) -> Result<AuditKind, Refusal> {
    AuditKind::from_str(text, false).map_err(|_| {
        let known: Vec<_> = AuditKind::value_variants().iter().map(|kind| kind.as_str()).collect();
        Refusal::invalid(format!("There is no such kind of event. There are: {}.", known.join(", "))).about("kind")
    })
}

/// From where on.
#[derive(Debug, Deserialize, JsonSchema)]
struct Export {
    #[serde(flatten)]
    page: PageQuery,
    /// The first page begins with the first event that is not older, in unix seconds.
    since: Option<UnixSeconds>,
}

async fn export(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Export = call.query(schema::of::<Export>)?;
    let asked = Asked::of(EXPORT, &query.page)?;
    let after = if asked.after.is_empty() { None } else { Some(asked.after.parse().map_err(|_| Refusal::cursor())?) };
    let app = call.app;
    let exported = export_page(&app.store, &app.audit_key, after, query.since, asked.rows()).await;
    let (span, rows) = exported.map_err(|cause| match cause {
        ChainError::Store(cause) => cause.into(),
        cause => {
            tracing::error!(%cause, "the audit log cannot be exported");
            Refusal::conflict("The audit chain is broken; /api/admin/audit/verify says where.")
        }
    })?;
    let key = |row: &AuditRow| row.link.as_ref().map_or_else(String::new, |link| link.sequence.to_string());
    Ok(Reply::shows(&AuditExportView { span, page: asked.page(rows, key, EventLine::from) }))
}

/// How the chain is verified.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verification {
    /// What an earlier verification answered: the chain must still hold it.
    checkpoint: Option<String>,
}

async fn verify(call: &Call<'_>) -> Result<Reply, Refusal> {
    let query: Verification = call.query(schema::of::<Verification>)?;
    let noted = query.checkpoint.map(|text| text.parse::<Checkpoint>()).transpose();
    let noted = noted.map_err(|_| Refusal::invalid("A checkpoint is SEQUENCE:HASH.").about("checkpoint"))?;
    let found = verify_chain(&call.app.store, &call.app.audit_key, noted.as_slice()).await?;
    let wrong = found.as_ref().err().map(ToString::to_string);
    Ok(Reply { wrong, ..Reply::shows(&AuditVerdictView::from(found)) })
}

fn before(key: &str) -> Option<Before<'_>> {
    let (at, id) = key.split_once(' ')?;
    Some(Before { at: at.parse().ok()?, id })
}
