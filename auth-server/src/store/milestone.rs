//! Table `milestone`: things that happen once in the life of an installation.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
};

const FIND: Statement = Statement::new("milestone.find", "SELECT reached_at FROM milestone WHERE name = $1");
const REACH: Statement = Statement::new(
    "milestone.reach",
    "INSERT INTO milestone (name, reached_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
);

/// The first administrator exists: set-up links are void for good, also when that account is gone.
pub const ADMINISTRATOR_MADE: &str = "administrator_made";

/// When `name` was reached, if it was.
pub async fn find(db: &mut impl Fetch, name: &str) -> Result<Option<UnixSeconds>, StoreError> {
    db.fetch_optional(&FIND, binds![name]).await?.map(|row| row.get("reached_at")).transpose()
}

/// Reaches `name`; `false` if it had been reached before.
pub async fn reach(tx: &mut Tx, name: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&REACH, binds![name, now]).await? == 1)
}
