//! State: the only place that names sqlx.
//!
//! One set of SQL runs on SQLite and on PostgreSQL. A [`Statement`] is a named constant with `$n` parameters; a server's
//! `store/` modules hold them, one file a table, beside functions that state intent:
//!
//! ```
//! use shared::{binds, db::{Fetch, Statement, Store, StoreError, Tx}};
//!
//! const FIND: Statement = Statement::new("client.find", "select name from client where id = $1");
//! const RENAME: Statement = Statement::new("client.rename", "update client set name = $2 where id = $1");
//!
//! /// Works inside a transaction (`&mut tx`) and outside of one (`&mut store.read()`).
//! pub async fn find(db: &mut impl Fetch, id: &str) -> Result<Option<String>, StoreError> {
//!     db.fetch_optional(&FIND, binds![id]).await?.map(|row| row.get("name")).transpose()
//! }
//!
//! /// Whether there was such a client.
//! pub async fn rename(tx: &mut Tx, id: &str, name: &str) -> Result<bool, StoreError> {
//!     Ok(tx.execute(&RENAME, binds![id, name]).await? == 1)
//! }
//!
//! async fn rule(store: &Store, id: &str) -> Result<bool, StoreError> {
//!     if find(&mut store.read(), id).await?.is_none() {
//!         return Ok(false);
//!     }
//!     store.write(|mut tx| async move { rename(&mut tx, id, "new").await }).await
//! }
//! ```
//!
//! Writes are closures over an owned [`Tx`] ([`Store::write`]): `Ok` commits durably before it returns, `Err` rolls back,
//! a conflict runs the closure again. On SQLite the transactions of one moment ride one COMMIT together (`train`);
//! on PostgreSQL each is SERIALIZABLE. An unknown outcome of COMMIT is reported as such and never retried.

mod backoff;
mod database_url;
mod error;
mod faults;
mod fetch;
mod migration;
mod open;
mod postgres_transaction;
mod reader;
mod row;
mod statement;
mod store;
mod timings;
mod train;
mod transaction;

pub use {
    database_url::{DatabaseUrl, DatabaseUrlError},
    error::StoreError,
    faults::{Fault, Faults},
    fetch::Fetch,
    migration::{Migration, MigrationError, Schema},
    open::{OpenError, PoolLimits},
    reader::Reader,
    row::{Column, Row},
    statement::{Bind, Statement},
    store::Store,
    transaction::Tx,
};
