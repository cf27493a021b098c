//! The chain as lines of JSON, for other programs: with it come the hashes, so that they can verify it.

use super::{ChainKey, chain_events::ChainError, chain_events::signed_ends, chain_link::hex};
use crate::store::{
    audit_chain::ChainEnds,
    audit_event::{self, AuditRow},
};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    clock::UnixSeconds,
    db::{Fetch, Store, StoreError},
};
use std::io::Write;

const ROWS_A_PAGE: i64 = 500;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Nobody takes the lines.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The first line: where the export begins and ends. Whoever has it and the lines can verify the hashes between.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditSpan")]
pub struct Span {
    /// The form of the lines: `postern audit 1`.
    format: &'static str,
    /// The row before the first line.
    after_sequence: i64,
    /// Its hash, in hexadecimal.
    after_hash: String,
    /// The last row of the chain.
    last_sequence: i64,
    /// Its hash, in hexadecimal.
    last_hash: String,
    /// Which key signed.
    key_id: String,
}

impl Span {
    /// From behind `after` to the end of the chain.
    async fn find(db: &mut impl Fetch, ends: &ChainEnds, key: &ChainKey, after: i64) -> Result<Self, ChainError> {
        let (mut after_sequence, mut after_hash) = (ends.anchor_sequence, ends.anchor_hash.clone());
        if after > after_sequence {
            let found = audit_event::list_chained(db, after - 1, 1).await?;
            let link = found.into_iter().next().and_then(|row| row.link).filter(|link| link.sequence == after);
            let link = link.ok_or(ChainError::Broken { sequence: after })?;
            (after_sequence, after_hash) = (link.sequence, link.hash);
        }
        Ok(Self {
            format: "postern audit 1",
            after_sequence,
            after_hash: hex(&after_hash),
            last_sequence: ends.sequence,
            last_hash: hex(&ends.hash),
            key_id: key.id().to_owned(),
        })
    }
}

/// One row as JSON: times in unix seconds, hashes in hexadecimal; what is absent is left out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChainedAuditEvent")]
pub struct EventLine {
    /// Its place in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    /// Its id.
    id: String,
    /// When it happened, in unix seconds.
    at: UnixSeconds,
    /// What happened.
    kind: String,
    /// Who did it: user, administrator, client, local, installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// The id of the user who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_user_id: Option<String>,
    /// The pseudonym of the user who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_person: Option<String>,
    /// The id of the client with which it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_client_id: Option<String>,
    /// Which user it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The pseudonym of that user.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// Which client it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Which grant it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    /// What else it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Where the request came from, without the host part.
    #[serde(skip_serializing_if = "Option::is_none")]
    address_block: Option<String>,
    /// A word or two more.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The request that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// SHA-256 over the hash before it and the row, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// The signature of that hash, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl From<AuditRow> for EventLine {
    fn from(row: AuditRow) -> Self {
        let link = row.link;
        Self {
            sequence: link.as_ref().map(|link| link.sequence),
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: row.actor,
            actor_user_id: row.actor_user_id,
            actor_person: row.actor_person,
            actor_client_id: row.actor_client_id,
            user_id: row.user_id,
            person: row.person,
            client_id: row.client_id,
            grant_id: row.grant_id,
            target: row.target,
            address_block: row.address_block,
            detail: row.detail,
            request_id: row.request_id,
            hash: link.as_ref().map(|link| hex(&link.hash)),
            mac: link.as_ref().map(|link| hex(&link.mac)),
        }
    }
}

/// Writes the chain to `output`, from the first row on that is not older than `since`; returns how many rows. Holds one page in memory.
///
/// # Errors
/// [`ExportError`].
pub async fn export_events(
    store: &Store,
    key: &ChainKey,
    since: Option<UnixSeconds>,
    output: &mut (dyn Write + Send),
) -> Result<u64, ExportError> {
    let mut db = store.read();
    let ends = signed_ends(&mut db, key).await?;
    let after = place_before(&mut db, &ends, since).await.map_err(ChainError::from)?;
    let span = Span::find(&mut db, &ends, key, after).await?;
    let mut after = span.after_sequence;
    write_line(output, &span)?;
    let mut rows = 0;
    while after < ends.sequence {
        let page = audit_event::list_chained(&mut db, after, ROWS_A_PAGE).await.map_err(ChainError::from)?;
        let Some(last) = page.iter().filter_map(|row| row.link.as_ref()).next_back() else { break };
        after = last.sequence;
        let is_before_the_end = |row: &AuditRow| row.link.as_ref().is_some_and(|link| link.sequence <= ends.sequence);
        for row in page.into_iter().filter(is_before_the_end) {
            write_line(output, &EventLine::from(row))?;
            rows += 1;
        }
    }
    output.flush()?;
    Ok(rows)
}

/// The place behind which an export begins whose first row is not older than `since`.
async fn place_before(db: &mut impl Fetch, ends: &ChainEnds, since: Option<UnixSeconds>) -> Result<i64, StoreError> {
    match since {
        Some(since) => Ok(audit_event::first_since(db, since).await?.map_or(ends.sequence, |first| first - 1)),
        None => Ok(ends.anchor_sequence),
    }
}

/// At most `limit` chained rows behind `after`, or from the first one on that is not older than `since`, and where they stand.
///
/// # Errors
/// [`ChainError`].
pub async fn export_page(
    store: &Store,
    key: &ChainKey,
    after: Option<i64>,
    since: Option<UnixSeconds>,
    limit: i64,
) -> Result<(Span, Vec<AuditRow>), ChainError> {
    let mut db = store.read();
    let ends = signed_ends(&mut db, key).await?;
    let after = match after {
        Some(after) => after,
        None => place_before(&mut db, &ends, since).await?,
    };
    let span = Span::find(&mut db, &ends, key, after).await?;
    let mut rows = audit_event::list_chained(&mut db, span.after_sequence, limit).await?;
    rows.retain(|row| row.link.as_ref().is_some_and(|link| link.sequence <= ends.sequence));
    Ok((span, rows))
}

fn write_line(output: &mut dyn Write, line: &impl Serialize) -> Result<(), std::io::Error> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}
