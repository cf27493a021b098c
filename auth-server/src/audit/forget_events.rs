//! Retention: the oldest rows go, from the beginning of the chain on, and its anchor moves behind them, so that what is kept can still be verified.

use super::{
    AuditEvent, AuditKind, ChainKey,
    actor::Actor,
    chain_events::{ChainError, signed_ends},
    chain_link::{ends, is_signed},
    record,
};
use crate::store::{audit_chain, audit_event};
use shared::{clock::UnixSeconds, db::Store, random::Random};

/// Rows forgotten in one transaction.
pub const ROWS_A_ROUND: i64 = 500;
/// More rounds than this wait for the next run.
const ROUNDS_A_RUN: usize = 40;

/// Forgets chained rows that are older than `retention_seconds` and have no younger one before them; returns how many.
///
/// # Errors
/// [`ChainError`], but never a lost race.
pub async fn forget_events(
    store: &Store,
    key: &ChainKey,
    random: &dyn Random,
    retention_seconds: i64,
    now: UnixSeconds,
) -> Result<u64, ChainError> {
    let mut total = 0;
    for _ in 0..ROUNDS_A_RUN {
        match forget_round(store, key, random, now - retention_seconds, now).await {
            Ok(0) => break,
            Ok(rows) => total += rows,
            Err(ChainError::LostRace) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

async fn forget_round(
    store: &Store,
    key: &ChainKey,
    random: &dyn Random,
    older_than: UnixSeconds,
    now: UnixSeconds,
) -> Result<u64, ChainError> {
    let mut db = store.read();
    let before = &signed_ends(&mut db, key).await?;
    let rows = audit_event::list_chained(&mut db, before.anchor_sequence, ROWS_A_ROUND).await?;
    let mut last = None;
    for (row, expected) in rows.iter().take_while(|row| row.at < older_than).zip(before.anchor_sequence + 1..) {
        // A gap must not be blessed by an anchor behind it.
        let link = row.link.as_ref().filter(|link| link.sequence == expected && is_signed(key, link));
        last = Some(link.ok_or(ChainError::Broken { sequence: expected })?);
    }
    let Some(last) = last else { return Ok(0) };
    let after = &ends(key, (last.sequence, &last.hash), (before.sequence, &before.hash));
    let forgotten = format!("{}-{}", before.anchor_sequence + 1, last.sequence);
    let event = &AuditEvent::new(AuditKind::EventsForgotten, random, now).target(&forgotten).by(&Actor::Installation);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !audit_chain::replace(tx, before, after).await? {
                return Err(ChainError::LostRace);
            }
            let rows = audit_event::forget_until(tx, before.anchor_sequence, after.anchor_sequence).await?;
            record(tx, event).await?;
            Ok(rows)
        })
        .await
}
