//! The chain as lines of JSON, for other programs: with it come the hashes, so that they can verify it.

use super::{ChainKey, chain_events::ChainError, chain_events::signed_ends, chain_link::hex};
use crate::store::audit_event::{self, AuditRow};
use serde::Serialize;
use shared::{clock::UnixSeconds, db::Store};
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

/// The first line: where the export begins and ends.
#[derive(Serialize)]
struct Beginning<'a> {
    format: &'static str,
    /// The row before the first line, and its hash.
    after_sequence: i64,
    after_hash: String,
    /// The last line, and its hash.
    last_sequence: i64,
    last_hash: String,
    /// Which key signed.
    key_id: &'a str,
}

/// One row as JSON: times in unix seconds, hashes in hexadecimal; what is absent is left out.
#[derive(Debug, Serialize)]
pub struct EventLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    id: &'a str,
    at: UnixSeconds,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_person: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_block: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl<'a> EventLine<'a> {
    /// The row as JSON.
    pub fn of(row: &'a AuditRow) -> Self {
        let link = row.link.as_ref();
        Self {
            sequence: link.map(|link| link.sequence),
            id: &row.id,
            at: row.at,
            kind: &row.kind,
            actor: row.actor.as_deref(),
            actor_user_id: row.actor_user_id.as_deref(),
            actor_person: row.actor_person.as_deref(),
            actor_client_id: row.actor_client_id.as_deref(),
            user_id: row.user_id.as_deref(),
            person: row.person.as_deref(),
            client_id: row.client_id.as_deref(),
            grant_id: row.grant_id.as_deref(),
            target: row.target.as_deref(),
            address_block: row.address_block.as_deref(),
            detail: row.detail.as_deref(),
            request_id: row.request_id.as_deref(),
            hash: link.map(|link| hex(&link.hash)),
            mac: link.map(|link| hex(&link.mac)),
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
    let first = match since {
        Some(since) => {
            audit_event::first_since(&mut db, since).await.map_err(ChainError::from)?.unwrap_or(ends.sequence + 1)
        }
        None => ends.anchor_sequence + 1,
    };
    let (mut after, mut after_hash) = (ends.anchor_sequence, ends.anchor_hash.clone());
    if first > after + 1 {
        let before = audit_event::list_chained(&mut db, first - 2, 1).await.map_err(ChainError::from)?;
        let link = before.into_iter().next().and_then(|row| row.link).filter(|link| link.sequence == first - 1);
        let link = link.ok_or(ChainError::Broken { sequence: first - 1 })?;
        (after, after_hash) = (link.sequence, link.hash);
    }
    let beginning = Beginning {
        format: "postern audit 1",
        after_sequence: after,
        after_hash: hex(&after_hash),
        last_sequence: ends.sequence,
        last_hash: hex(&ends.hash),
        key_id: key.id(),
    };
    write_line(output, &beginning)?;
    let mut rows = 0;
    while after < ends.sequence {
        let page = audit_event::list_chained(&mut db, after, ROWS_A_PAGE).await.map_err(ChainError::from)?;
        let Some(last) = page.iter().filter_map(|row| row.link.as_ref()).next_back() else { break };
        for row in page.iter().filter(|row| row.link.as_ref().is_some_and(|link| link.sequence <= ends.sequence)) {
            write_line(output, &EventLine::of(row))?;
            rows += 1;
        }
        after = last.sequence;
    }
    output.flush()?;
    Ok(rows)
}

fn write_line(output: &mut dyn Write, line: &impl Serialize) -> Result<(), std::io::Error> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}
