//! Transactions as closures, and what runs them.

use super::{
    Fault, Faults, Reader, Statement, StoreError, Tx,
    backoff::Backoff,
    postgres_transaction::PostgresTransaction,
    timings::Timings,
    train::{Outcome, Train},
    transaction::{Connection, Returned, answered},
};
use crate::metrics::Page;
use crate::trace::{self, SpanKind};
use sqlx::{PgPool, SqlitePool};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, oneshot, watch},
    time::Instant,
};

/// A health probe that takes longer than this has failed.
const PING_DEADLINE: Duration = Duration::from_secs(2);
const PING: Statement = Statement::new("store.ping", "select name from schema_migration limit 1");

tokio::task_local! {
    /// Set while a write closure runs: another transaction or a read beside it would be outside of it, and waiting for
    /// it inside would be a deadlock (SQLite) or a starved pool (PostgreSQL).
    static INSIDE_WRITE: ();
}

pub(super) enum Backend {
    SqliteFile {
        writer: Arc<Mutex<Train>>,
        readers: SqlitePool,
    },
    /// One connection for all: a second one would see another database.
    SqliteMemory {
        writer: Arc<Mutex<Train>>,
    },
    Postgres {
        pool: PgPool,
    },
}

/// The state of one server. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<Backend>,
    faults: Option<Arc<dyn Faults>>,
    /// How many transactions that [announce](Tx::announce) were committed through this store.
    announced: watch::Sender<u64>,
    timings: Arc<Timings>,
}

/// Why an attempt has to be repeated.
enum Lost {
    /// Against another transaction, at this statement.
    Conflict(&'static str),
    /// Rolled back together with others.
    WithOthers,
}

impl Store {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend: Arc::new(backend), faults: None, announced: watch::Sender::new(0), timings: Arc::default() }
    }

    /// Writes how long the database takes.
    pub fn write_metrics(&self, page: &mut Page) {
        self.timings.show(page);
    }

    pub(super) fn timings(&self) -> &Timings {
        &self.timings
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The same store, asking `faults` before each statement. For tests.
    pub fn with_faults(&self, faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults), ..self.clone() }
    }

    /// Changes whenever a transaction that [announces](Tx::announce) was committed through this store or a clone of it. What other
    /// processes commit is not heard, nor a transaction whose caller went away: a follower looks now and then by itself.
    pub fn announced(&self) -> watch::Receiver<u64> {
        self.announced.subscribe()
    }

    /// Reads outside of a transaction: `find(&mut store.read(), id)`.
    pub fn read(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// Runs `work` in one serializable transaction.
    ///
    /// `Ok` commits, durably, before this returns; `Err` (of the caller's own type, or a [`StoreError`] by `?`) rolls
    /// back. A refusal that must be remembered, such as the revocation of a family after theft, is therefore an `Ok`
    /// value. After a conflict `work` runs again, for up to five seconds; so it captures references and has no effect
    /// but its statements: no network, no password hash, no signature, no key. A future dropped before COMMIT leaves
    /// nothing behind.
    ///
    /// # Errors
    /// What `work` returned, or as a [`StoreError`]: a failed statement (even if `work` ignored it), `Unavailable` when
    /// the database cannot be reached or conflicts last, `CommitUnknown` when the connection broke during COMMIT.
    pub async fn write<T, E, Work, Fut>(&self, work: Work) -> Result<T, E>
    where
        Work: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        self.refuse_inside_write("begin")?;
        let _writing = self.timings.write();
        let (mut backoff, began) = (Backoff::start(), Instant::now());
        let mut alone = false;
        loop {
            let statement = match self.attempt(&work, alone, began, backoff.deadline()).await {
                Ok(result) => return result,
                Err(Lost::Conflict(statement)) => statement,
                Err(Lost::WithOthers) => {
                    alone = true;
                    "commit"
                }
            };
            self.timings.conflict();
            tracing::debug!(statement, "conflict");
            if !backoff.wait().await {
                let cause = format!("{statement}: conflicts with other transactions for too long");
                return Err(E::from(StoreError::Unavailable { cause }));
            }
        }
    }

    async fn attempt<T, E, Work, Fut>(
        &self,
        work: &Work,
        alone: bool,
        began: Instant,
        deadline: Instant,
    ) -> Result<Result<T, E>, Lost>
    where
        Work: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        let settle = Settle::arm(&self.backend);
        let connection = match self.begin(alone, deadline).await {
            Ok(connection) => connection,
            Err(error) => {
                settle.disarm();
                return lost_or(error);
            }
        };
        let (back, mut returned) = oneshot::channel();
        let result = INSIDE_WRITE.scope((), work(Tx::new(connection, back, self.faults.clone(), began))).await;
        let Ok(Returned { connection, failure, announces }) = returned.try_recv() else {
            let cause = "the closure kept its transaction beyond its end".to_owned();
            return Ok(Err(E::from(StoreError::Failed { statement: "commit", cause })));
        };
        let keep = result.is_ok() && failure.is_none();
        let ended = self.end(connection, keep, alone).await;
        settle.disarm();
        match (failure, result) {
            (Some(StoreError::Conflict { statement }), _) => Err(Lost::Conflict(statement)),
            (Some(failure), Ok(_)) => Ok(Err(E::from(failure))),
            (_, Err(error)) => Ok(Err(error)),
            (None, Ok(value)) => match ended {
                Ok(Outcome::Committed) => {
                    if announces {
                        self.announced.send_modify(|count| *count += 1);
                    }
                    Ok(Ok(value))
                }
                Ok(Outcome::RolledBack) => Err(Lost::WithOthers),
                Ok(Outcome::Failed(error)) | Err(error) => lost_or(error),
            },
        }
    }

    async fn begin(&self, alone: bool, deadline: Instant) -> Result<Connection, StoreError> {
        if let Some(error) =
            self.fault("begin").and_then(|fault| fault.before("begin").or_else(|| fault.after("begin")))
        {
            return Err(error);
        }
        match &*self.backend {
            Backend::SqliteFile { writer, .. } | Backend::SqliteMemory { writer } => {
                let seat = Train::take_seat(writer, deadline).await?;
                Train::board(seat, alone).await.map(Connection::Sqlite)
            }
            Backend::Postgres { pool } => answered(PostgresTransaction::begin(pool))
                .await
                .map(Connection::Postgres)
                .map_err(|error| StoreError::from_sql("begin", &error)),
        }
    }

    /// Ends the transaction; an undone one counts as rolled back, for which its caller has a reason already.
    async fn end(&self, connection: Connection, keep: bool, alone: bool) -> Result<Outcome, StoreError> {
        let mut step = trace::begin("commit", SpanKind::Client);
        let ended = self.end_untraced(connection, keep, alone).await;
        if matches!(ended, Err(_) | Ok(Outcome::Failed(_))) {
            step.set_error();
        }
        ended
    }

    async fn end_untraced(&self, connection: Connection, keep: bool, alone: bool) -> Result<Outcome, StoreError> {
        let fault = if keep { self.fault("commit") } else { None };
        let refused = fault.and_then(|fault| fault.before("commit"));
        let keep = keep && refused.is_none();
        let ended = match (connection, &*self.backend) {
            (Connection::Sqlite(mut seat), Backend::SqliteFile { writer, .. } | Backend::SqliteMemory { writer }) => {
                match seat.alight(keep).await? {
                    None => Ok(Outcome::RolledBack),
                    Some(batch) => {
                        if !alone {
                            drop(seat);
                            seat = Arc::clone(writer).lock_owned().await;
                        }
                        if batch.get().is_none() {
                            drop(Train::commit_all(seat).await?);
                        }
                        let stopped = || StoreError::CommitUnknown { cause: "stopping".to_owned() };
                        batch.get().cloned().ok_or_else(stopped)
                    }
                }
            }
            (Connection::Sqlite(_), Backend::Postgres { .. }) => Ok(Outcome::RolledBack),
            (Connection::Postgres(transaction), _) if keep => match answered(transaction.commit()).await {
                Ok(()) => Ok(Outcome::Committed),
                Err(error) => Err(StoreError::from_commit(&error)),
            },
            (Connection::Postgres(transaction), _) => answered(transaction.rollback())
                .await
                .map(|()| Outcome::RolledBack)
                .map_err(|error| StoreError::from_sql("rollback", &error)),
        };
        match (refused, fault) {
            (Some(error), _) => Err(error),
            (None, Some(Fault::FailAfter)) => Err(StoreError::CommitUnknown { cause: "injected after".to_owned() }),
            _ => ended,
        }
    }

    /// Whether the database answers, within two seconds. For readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let late = |_| StoreError::Unavailable { cause: "store.ping: no answer".to_owned() };
        tokio::time::timeout(PING_DEADLINE, self.read().fetch_optional(&PING, [])).await.map_err(late)?.map(drop)
    }

    /// Ends every transaction and closes every connection; later calls find the database unavailable.
    pub async fn close(&self) {
        match &*self.backend {
            Backend::SqliteFile { writer, readers } => {
                readers.close().await;
                close_writer(writer).await;
            }
            Backend::SqliteMemory { writer } => close_writer(writer).await,
            Backend::Postgres { pool } => pool.close().await,
        }
    }

    /// COMMITs so far where transactions share them (SQLite), else 0.
    pub async fn shared_commits(&self) -> u64 {
        match &*self.backend {
            Backend::SqliteFile { writer, .. } | Backend::SqliteMemory { writer } => writer.lock().await.commits(),
            Backend::Postgres { .. } => 0,
        }
    }

    pub(super) fn fault(&self, name: &'static str) -> Option<Fault> {
        self.faults.as_ref().and_then(|faults| faults.at(name))
    }

    /// A write closure has its own transaction and must use no other.
    pub(super) fn refuse_inside_write(&self, statement: &'static str) -> Result<(), StoreError> {
        match INSIDE_WRITE.try_with(|()| ()) {
            Ok(()) => Err(StoreError::Failed { statement, cause: "inside a write closure, use its Tx".to_owned() }),
            Err(_) => Ok(()),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &*self.backend {
            Backend::SqliteFile { .. } => "Store(SQLite file)",
            Backend::SqliteMemory { .. } => "Store(SQLite in memory)",
            Backend::Postgres { .. } => "Store(PostgreSQL)",
        })
    }
}

fn lost_or<T, E: From<StoreError>>(error: StoreError) -> Result<Result<T, E>, Lost> {
    match error {
        StoreError::Conflict { statement } => Err(Lost::Conflict(statement)),
        error => Ok(Err(E::from(error))),
    }
}

async fn close_writer(writer: &Arc<Mutex<Train>>) {
    if let Err(error) = Train::close(Arc::clone(writer).lock_owned().await).await {
        tracing::warn!(%error, "closing the database");
    }
}

/// Nobody may leave a transaction open: if the caller is dropped half way, a task undoes its part and commits the rest.
struct Settle(Option<Arc<Mutex<Train>>>);

impl Settle {
    fn arm(backend: &Backend) -> Self {
        Self(match backend {
            Backend::SqliteFile { writer, .. } | Backend::SqliteMemory { writer } => Some(Arc::clone(writer)),
            Backend::Postgres { .. } => None,
        })
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        let (Some(train), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(async move {
            let seat = train.lock_owned().await;
            if let Err(error) = Train::settle(seat).await {
                tracing::warn!(%error, "settling a dropped transaction");
            }
        });
    }
}
