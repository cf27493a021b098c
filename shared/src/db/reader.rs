//! Reading outside of a transaction.

use super::{
    Bind, Fetch, Row, Statement, StoreError,
    backoff::CONFLICT_DEADLINE,
    statement::query,
    store::{Backend, Store},
    train::Train,
    transaction::answered,
};
use tokio::time::Instant;

/// Reads committed rows, each statement for itself. What a decision to write rests on is read in the
/// [`Tx`](super::Tx) that writes it, or decided again there by a predicate.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
}

impl Reader {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The first row, if any.
    pub async fn fetch_optional(
        &self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<Option<Row>, StoreError> {
        let binds = statement.storable(binds)?;
        self.before(statement)?;
        let _reading = self.store.timings().read();
        let result = match self.store.backend() {
            Backend::SqliteFile { readers, .. } => {
                let row = query(statement, binds).fetch_optional(readers);
                statement.run(row).await.map(|row| row.map(Row::sqlite))
            }
            Backend::SqliteMemory { writer } => {
                let seat = Train::take_seat(writer, Instant::now() + CONFLICT_DEADLINE).await?;
                let mut seat = Train::settle(seat).await?;
                let row = query(statement, binds).fetch_optional(seat.connection_of(statement)?);
                statement.run(row).await.map(|row| row.map(Row::sqlite))
            }
            Backend::Postgres { pool } => {
                let row = query(statement, binds).fetch_optional(pool);
                statement.run(answered(row)).await.map(|row| row.map(Row::postgres))
            }
        };
        result.map_err(|error| unavailable_if_conflict(StoreError::from_sql(statement.name(), &error)))
    }

    /// Every row.
    pub async fn fetch_all(
        &self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<Vec<Row>, StoreError> {
        let binds = statement.storable(binds)?;
        self.before(statement)?;
        let _reading = self.store.timings().read();
        let result: Result<Vec<Row>, sqlx::Error> = match self.store.backend() {
            Backend::SqliteFile { readers, .. } => {
                let rows = query(statement, binds).fetch_all(readers);
                statement.run(rows).await.map(|rows| rows.into_iter().map(Row::sqlite).collect())
            }
            Backend::SqliteMemory { writer } => {
                let seat = Train::take_seat(writer, Instant::now() + CONFLICT_DEADLINE).await?;
                let mut seat = Train::settle(seat).await?;
                let rows = query(statement, binds).fetch_all(seat.connection_of(statement)?);
                statement.run(rows).await.map(|rows| rows.into_iter().map(Row::sqlite).collect())
            }
            Backend::Postgres { pool } => {
                let rows = query(statement, binds).fetch_all(pool);
                statement.run(answered(rows)).await.map(|rows| rows.into_iter().map(Row::postgres).collect())
            }
        };
        result.map_err(|error| unavailable_if_conflict(StoreError::from_sql(statement.name(), &error)))
    }

    fn before(&self, statement: &Statement) -> Result<(), StoreError> {
        self.store.refuse_inside_write(statement.name())?;
        match self.store.fault(statement.name()) {
            Some(fault) => fault.before(statement.name()).or_else(|| fault.after(statement.name())).map_or(Ok(()), Err),
            None => Ok(()),
        }
    }
}

/// Nobody runs a read again, and one that waited as long as the driver waits says nothing about who won.
fn unavailable_if_conflict(error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict { statement } => StoreError::Unavailable { cause: format!("{statement}: locked") },
        error => error,
    }
}

impl Fetch for Reader {
    async fn fetch_optional(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<Option<Row>, StoreError> {
        Self::fetch_optional(self, statement, binds).await
    }

    async fn fetch_all(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<Vec<Row>, StoreError> {
        Self::fetch_all(self, statement, binds).await
    }
}
