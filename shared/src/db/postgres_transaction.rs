//! One transaction on PostgreSQL, on a connection of the pool that it leaves as it found it.
//!
//! The driver's own transaction does not: one whose BEGIN is dropped while it waits stays open on the connection, and whoever gets that
//! next reads an old snapshot. And it sends ROLLBACK after a COMMIT that was refused, when nothing is left to be rolled back.

use super::{Statement, StoreError};
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use std::time::Duration;

const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
/// A connection that does not answer ROLLBACK for this long is closed, which undoes what is open on it.
const ROLLBACK_DEADLINE: Duration = Duration::from_secs(5);

/// Dropped before it ended, it is rolled back in the background; until then nobody else gets its connection.
pub(super) struct PostgresTransaction {
    /// `None` when it has ended.
    connection: Option<PoolConnection<Postgres>>,
}

impl PostgresTransaction {
    /// Begins one, serializable.
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { connection: Some(pool.acquire().await?) };
        send(transaction.connection()?, BEGIN).await?;
        Ok(transaction)
    }

    /// The connection, for a statement.
    pub(super) fn connection_of(&mut self, statement: &Statement) -> Result<&mut PgConnection, StoreError> {
        self.connection().map_err(|error| StoreError::from_sql(statement.name(), &error))
    }

    fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Commits. What the database refuses has ended as well.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Undoes it.
    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let ended = send(self.connection()?, sql).await;
        if ended.as_ref().err().is_none_or(|error| error.as_database_error().is_some()) {
            drop(self.connection.take());
        }
        ended
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return connection.close_on_drop() };
        runtime.spawn(async move {
            let undone = tokio::time::timeout(ROLLBACK_DEADLINE, send(&mut connection, "ROLLBACK")).await;
            if !matches!(undone, Ok(Ok(()))) {
                // Nobody knows what is open on it.
                connection.close_on_drop();
            }
        });
    }
}

async fn send(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}
