//! One write transaction.

use super::{
    Bind, Fault, Faults, Fetch, Row, Statement, StoreError, postgres_transaction::PostgresTransaction,
    statement::query, train::Seat,
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// A statement that PostgreSQL has not answered after this time is given up, with its connection. The server's own
/// `statement_timeout` is shorter, so this fires only when the network swallowed the answer.
const POSTGRES_ANSWER_DEADLINE: Duration = Duration::from_secs(12);

pub(super) enum Connection {
    Sqlite(Seat),
    Postgres(PostgresTransaction),
}

/// What a [`Tx`] gives back when it is dropped.
pub(super) struct Returned {
    pub(super) connection: Connection,
    /// The first error of a statement: such a transaction is never committed, whatever its closure returned.
    pub(super) failure: Option<StoreError>,
    /// Whether its commit is to be told.
    pub(super) announces: bool,
}

/// One write transaction. Owned, so that the future using it is `Send` without a higher-ranked bound; dropping it gives
/// the connection back to [`Store::write`](super::Store::write), which alone commits.
///
/// After the first failed statement every further one fails with the same error, on both databases alike.
pub struct Tx {
    connection: Option<Connection>,
    failure: Option<StoreError>,
    back: Option<oneshot::Sender<Returned>>,
    faults: Option<Arc<dyn Faults>>,
    announces: bool,
    began: Instant,
}

impl Tx {
    pub(super) fn new(
        connection: Connection,
        back: oneshot::Sender<Returned>,
        faults: Option<Arc<dyn Faults>>,
        began: Instant,
    ) -> Self {
        Self { connection: Some(connection), failure: None, back: Some(back), faults, announces: false, began }
    }

    /// Tells whoever listens to [`Store::announced`](super::Store::announced) when this transaction is committed.
    pub fn announce(&mut self) {
        self.announces = true;
    }

    /// How long ago the write began: waiting for the writer or a connection and the attempts that lost a conflict are in it.
    pub fn waited(&self) -> Duration {
        self.began.elapsed()
    }

    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<u64, StoreError> {
        let (fault, binds) = self.before(statement, binds)?;
        let result = match self.connection(statement)? {
            Connection::Sqlite(seat) => {
                let done = query(statement, binds).execute(seat.connection_of(statement)?);
                statement.run(done).await.map(|done| done.rows_affected())
            }
            Connection::Postgres(transaction) => {
                let done = query(statement, binds).execute(transaction.connection_of(statement)?);
                statement.run(answered(done)).await.map(|done| done.rows_affected())
            }
        };
        self.after(statement, fault, result)
    }

    /// Runs a statement; returns its first row, if any.
    pub async fn fetch_optional(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<Option<Row>, StoreError> {
        let (fault, binds) = self.before(statement, binds)?;
        let result = match self.connection(statement)? {
            Connection::Sqlite(seat) => {
                let row = query(statement, binds).fetch_optional(seat.connection_of(statement)?);
                statement.run(row).await.map(|row| row.map(Row::sqlite))
            }
            Connection::Postgres(transaction) => {
                let row = query(statement, binds).fetch_optional(transaction.connection_of(statement)?);
                statement.run(answered(row)).await.map(|row| row.map(Row::postgres))
            }
        };
        self.after(statement, fault, result)
    }

    /// Runs a statement; returns every row.
    pub async fn fetch_all(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> Result<Vec<Row>, StoreError> {
        let (fault, binds) = self.before(statement, binds)?;
        let result = match self.connection(statement)? {
            Connection::Sqlite(seat) => {
                let rows = query(statement, binds).fetch_all(seat.connection_of(statement)?);
                statement.run(rows).await.map(|rows| rows.into_iter().map(Row::sqlite).collect())
            }
            Connection::Postgres(transaction) => {
                let rows = query(statement, binds).fetch_all(transaction.connection_of(statement)?);
                let rows = statement.run(answered(rows)).await;
                rows.map(|rows| rows.into_iter().map(Row::postgres).collect())
            }
        };
        self.after(statement, fault, result)
    }

    fn connection(&mut self, statement: &Statement) -> Result<&mut Connection, StoreError> {
        self.connection.as_mut().ok_or_else(|| statement.failed("the transaction has ended"))
    }

    fn before(
        &mut self,
        statement: &Statement,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<(Option<Fault>, Vec<Bind>), StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let binds = statement.storable(binds).map_err(|error| self.failure.insert(error).clone())?;
        let fault = self.faults.as_ref().and_then(|faults| faults.at(statement.name()));
        match fault.and_then(|fault| fault.before(statement.name())) {
            Some(error) => Err(self.failure.insert(error).clone()),
            None => Ok((fault, binds)),
        }
    }

    fn after<T>(
        &mut self,
        statement: &Statement,
        fault: Option<Fault>,
        result: Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let result = result.map_err(|error| StoreError::from_sql(statement.name(), &error));
        let result = match fault.and_then(|fault| fault.after(statement.name())) {
            Some(error) => Err(error),
            None => result,
        };
        if let Err(error) = &result {
            self.failure = Some(error.clone());
        }
        result
    }
}

impl Fetch for Tx {
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

impl Drop for Tx {
    fn drop(&mut self) {
        if let (Some(connection), Some(back)) = (self.connection.take(), self.back.take()) {
            // If nobody waits for it any more, dropping it undoes the transaction.
            let _ = back.send(Returned { connection, failure: self.failure.take(), announces: self.announces });
        }
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("failure", &self.failure).finish_non_exhaustive()
    }
}

/// The answer of PostgreSQL, or an error when it does not come.
pub(super) async fn answered<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(POSTGRES_ANSWER_DEADLINE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}
