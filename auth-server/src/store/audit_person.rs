//! Table `audit_person`: what joins a user to the pseudonym under which the audit chain knows them.

use shared::{
    binds,
    db::{Fetch, Statement, StoreError, Tx},
};

const INSERT: Statement = Statement::new(
    "audit_person.insert",
    "INSERT INTO audit_person (user_id, salt) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING",
);
const FIND: Statement = Statement::new("audit_person.find", "SELECT salt FROM audit_person WHERE user_id = $1");
const DELETE: Statement =
    Statement::new("audit_person.delete", "DELETE FROM audit_person WHERE user_id = $1 AND salt = $2");

/// Gives a user a salt; `false` when there is one.
///
/// # Errors
/// The database does not answer.
pub async fn insert(tx: &mut Tx, user_id: &str, salt: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.execute(&INSERT, binds![user_id, salt]).await? == 1)
}

/// The salt of a user.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &mut impl Fetch, user_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    db.fetch_optional(&FIND, binds![user_id]).await?.map(|row| row.get("salt")).transpose()
}

/// Forgets the salt of a user; `false` when there is another one or none.
///
/// # Errors
/// The database does not answer.
pub async fn delete(tx: &mut Tx, user_id: &str, salt: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, binds![user_id, salt]).await? == 1)
}
