//! Client assertions that were accepted once (RFC 7523 §3): a `jti` buys nothing twice.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
};

const CONSUME: Statement = Statement::new(
    "used_assertion.consume",
    "INSERT INTO used_assertion (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
);

const IS_USED: Statement =
    Statement::new("used_assertion.is_used", "SELECT expires_at FROM used_assertion WHERE client_id = $1 AND jti = $2");

/// Whether a client's assertion was used up. If it was not, only [`consume`] decides.
///
/// # Errors
/// The database does not answer.
pub async fn is_used(db: &mut impl Fetch, client_id: &str, jti: &str) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&IS_USED, binds![client_id, jti]).await?.is_some())
}

/// Uses a client's assertion up. `false`: it was used before. The row must outlive the assertion (`expires_at` with
/// the leeway its check allows).
///
/// # Errors
/// The database does not answer: then nothing is known about the assertion, and it must not be accepted.
pub async fn consume(tx: &mut Tx, client_id: &str, jti: &str, expires_at: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONSUME, binds![client_id, jti, expires_at]).await? == 1)
}
