//! `decided_request`: the ids of authorization requests that were allowed or denied. The requests themselves travel sealed in the forms.
//! No code reads when it was: that is for whoever looks into the database after an incident.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Statement, StoreError, Tx},
};

const INSERT: Statement = Statement::new(
    "decided_request.insert",
    "INSERT INTO decided_request (id, decided_at, expires_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
);

/// Consumes the id of a request; `false` when it was decided before. After `expires_at` the sealed request no longer opens and the row may go.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn insert(tx: &mut Tx, id: &str, now: UnixSeconds, expires_at: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&INSERT, binds![id, now, expires_at]).await? == 1)
}
