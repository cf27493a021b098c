//! Client assertions that were accepted once (RFC 7523 §3): a `jti` buys nothing twice.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Statement, StoreError, Tx},
};

const CONSUME: Statement = Statement::new(
    "used_assertion.consume",
    "INSERT INTO used_assertion (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
);

/// Uses a client's assertion up. `false`: it was used before. The row must outlive the assertion (`expires_at` with
/// the leeway its check allows).
///
/// # Errors
/// The database does not answer: then nothing is known about the assertion, and it must not be accepted.
pub async fn consume(tx: &mut Tx, client_id: &str, jti: &str, expires_at: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONSUME, binds![client_id, jti, expires_at]).await? == 1)
}
