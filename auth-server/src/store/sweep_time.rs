//! Table `sweep_time`: the time by which things were last forgotten.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
};

const FIND: Statement = Statement::new("sweep_time.find", "SELECT at FROM sweep_time WHERE singleton = 1");
const PUT: Statement = Statement::new(
    "sweep_time.put",
    "INSERT INTO sweep_time (singleton, at) VALUES (1, $1) ON CONFLICT (singleton) DO UPDATE SET at = excluded.at",
);

/// The time; `None` if nothing was ever forgotten.
pub async fn find(db: &mut impl Fetch) -> Result<Option<UnixSeconds>, StoreError> {
    db.fetch_optional(&FIND, binds![]).await?.map(|row| row.get("at")).transpose()
}

/// Makes it `at`.
pub async fn put(tx: &mut Tx, at: UnixSeconds) -> Result<(), StoreError> {
    tx.execute(&PUT, binds![at]).await.map(drop)
}
