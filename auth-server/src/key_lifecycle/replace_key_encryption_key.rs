//! Everything that is sealed under an older key-encryption key is sealed anew under the current one, row by row, while servers run.

use super::{KeyAct, KeyLifecycleError, sealed_columns::SEALED_COLUMNS};
use crate::{
    audit::{self, AuditKind},
    store::sealed_column::{SealedColumn, SealedRow},
};

/// Rows read at a time.
const ROWS_A_LOOK: i64 = 100;

/// What was done to a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealedColumn {
    /// Its table.
    pub table: &'static str,
    /// How many rows were sealed anew.
    pub rows: u64,
}

/// Seals every row anew that is not sealed under the current key. Each row is a transaction of its own and is replaced only if it is still what
/// was read, so that a run that was killed is simply run again, and two at once do no harm. `progress` hears of each column.
///
/// # Errors
/// A row does not open (its key-encryption key is missing), or the database failed; what was sealed anew stays so.
pub async fn replace_key_encryption_key(
    act: &KeyAct<'_>,
    mut progress: impl FnMut(&ResealedColumn) + Send,
) -> Result<Vec<ResealedColumn>, KeyLifecycleError> {
    let mut done = Vec::new();
    for column in SEALED_COLUMNS {
        let resealed = ResealedColumn { table: column.table, rows: reseal_column(act, column).await? };
        progress(&resealed);
        done.push(resealed);
    }
    if done.iter().any(|column| column.rows > 0) {
        let event = act.event(AuditKind::KeyEncryptionKeyReplaced).detail(&act.sealing.current_key_id());
        act.store
            .write(|mut tx| {
                let event = &event;
                async move { audit::record(&mut tx, event).await }
            })
            .await?;
    }
    Ok(done)
}

async fn reseal_column(act: &KeyAct<'_>, column: &'static SealedColumn) -> Result<u64, KeyLifecycleError> {
    let current = &act.sealing.current_key_id();
    let (mut after, mut total) = (String::new(), 0);
    loop {
        let rows = column.list(&mut act.store.read(), current, &after, ROWS_A_LOOK).await?;
        let Some(last) = rows.last() else { return Ok(total) };
        after.clone_from(&last.id);
        for row in &rows {
            total += u64::from(reseal_row(act, column, row).await?);
        }
    }
}

async fn reseal_row(
    act: &KeyAct<'_>,
    column: &'static SealedColumn,
    row: &SealedRow,
) -> Result<bool, KeyLifecycleError> {
    let context = column.context(&row.id);
    let plain = act.sealing.open(&context, &row.sealed.key_id, &row.sealed.bytes)?;
    let anew = &act.sealing.seal(&context, &plain);
    Ok(act.store.write(|mut tx| async move { column.reseal(&mut tx, row, anew).await }).await?)
}
