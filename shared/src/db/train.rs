//! Group commit for SQLite's single writer: the transactions of one moment ride one COMMIT together.
//!
//! Each writer takes the fair lock twice: once to run its closure, once to commit. Whoever comes first to the second
//! turn commits for everybody who ran in between; the others find the outcome there. The first rider's closure runs in
//! the transaction itself, each later one in a savepoint, so that undoing one leaves its neighbours alone.
//!
//! What holds at every await: a future may be dropped there. `running` is set before anything is sent, so that the next
//! turn undoes what was left; COMMIT runs in a task of its own, so that its outcome always reaches the batch. The driver
//! executes what was sent in the order in which it was sent, also when nobody waits for the answer any more.

use super::{Statement, StoreError};
use futures_util::FutureExt as _;
use sqlx::{
    ConnectOptions as _, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use std::sync::{Arc, OnceLock};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

/// How the COMMIT of a batch ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Durable.
    Committed,
    /// Not committed, or unknown: the error says which.
    Failed(StoreError),
    /// Surely not committed, perhaps through a neighbour's fault: each rider runs again, alone.
    RolledBack,
}

/// The transactions that ride one COMMIT.
pub(super) type Batch = Arc<OnceLock<Outcome>>;

/// The train with its one seat taken: whoever holds it may use the connection.
pub(super) type Seat = OwnedMutexGuard<Train>;

/// What the closure on the seat has to be undone to, if it does not keep its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Nobody,
    /// In the transaction itself.
    First,
    /// In the savepoint.
    Later,
}

/// The one writing connection and what is on it.
pub(super) struct Train {
    options: SqliteConnectOptions,
    /// `None` after a failure that left it in a state nobody knows; opened again at the next turn.
    connection: Option<SqliteConnection>,
    /// Opening a memory database again would be another, empty one.
    can_reopen: bool,
    riders: u32,
    running: Running,
    batch: Batch,
    commits: u64,
}

impl Train {
    /// A train on an open connection, which `options` can open again (`can_reopen`).
    pub(super) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        can_reopen: bool,
    ) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            options,
            connection: Some(connection),
            can_reopen,
            riders: 0,
            running: Running::Nobody,
            batch: Batch::default(),
            commits: 0,
        }))
    }

    /// COMMITs so far.
    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// The connection, for a statement.
    pub(super) fn connection_of(&mut self, statement: &Statement) -> Result<&mut SqliteConnection, StoreError> {
        self.connection().map_err(|error| StoreError::from_sql(statement.name(), &error))
    }

    /// Takes the seat, not later than `deadline`.
    pub(super) async fn take_seat(train: &Arc<Mutex<Self>>, deadline: Instant) -> Result<Seat, StoreError> {
        tokio::time::timeout_at(deadline, Arc::clone(train).lock_owned())
            .await
            .map_err(|_| StoreError::Unavailable { cause: "the writer is busy".to_owned() })
    }

    /// Starts a transaction: a new one, or a savepoint in the one that others ride; `alone` commits those first.
    pub(super) async fn board(seat: Seat, alone: bool) -> Result<Seat, StoreError> {
        let mut seat = seat;
        seat.undo_running().await;
        if alone && seat.riders > 0 {
            seat = Self::commit_all(seat).await?;
        }
        seat.reopen_if_lost().await?;
        let (running, sql) = match seat.riders {
            0 => (Running::First, "BEGIN IMMEDIATE"),
            _ => (Running::Later, "SAVEPOINT rider"),
        };
        seat.running = running;
        let started = match running {
            Running::Later => seat.send(sql),
            _ => seat.sql(sql).await,
        };
        match started {
            Ok(()) => Ok(seat),
            Err(error) => {
                match running {
                    Running::Later => seat.abandon(Outcome::RolledBack).await,
                    _ if error.as_database_error().is_none() => seat.give_up(),
                    _ => {}
                }
                seat.running = Running::Nobody;
                Err(StoreError::from_sql("begin", &error))
            }
        }
    }

    /// Ends the closure's part: kept, it waits for the batch that is returned; else it is undone.
    pub(super) async fn alight(&mut self, keep: bool) -> Result<Option<Batch>, StoreError> {
        if !keep {
            self.undo_running().await;
            return Ok(None);
        }
        if self.running == Running::Later
            && let Err(error) = self.sql("RELEASE rider").await
        {
            self.abandon(Outcome::RolledBack).await;
            return Err(StoreError::from_sql("release", &error));
        }
        self.running = Running::Nobody;
        self.riders += 1;
        Ok(Some(Arc::clone(&self.batch)))
    }

    /// Commits all aboard and gives the seat back. Runs to its end even if the caller is dropped.
    pub(super) async fn commit_all(seat: Seat) -> Result<Seat, StoreError> {
        let committing = tokio::spawn(async move {
            let mut seat = seat;
            seat.commit_now().await;
            seat
        });
        committing.await.map_err(|error| StoreError::CommitUnknown { cause: error.to_string() })
    }

    /// The connection in autocommit, everything before it committed: for reads where there is no other connection.
    pub(super) async fn settle(mut seat: Seat) -> Result<Seat, StoreError> {
        seat.undo_running().await;
        if seat.riders > 0 {
            seat = Self::commit_all(seat).await?;
        }
        seat.reopen_if_lost().await?;
        Ok(seat)
    }

    /// Commits what is aboard and closes the connection; later writes find the database unavailable.
    pub(super) async fn close(seat: Seat) -> Result<(), sqlx::Error> {
        let mut seat = Self::commit_all(seat).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        seat.can_reopen = false;
        match seat.connection.take() {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }

    async fn sql(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        // With (no) arguments, because the driver keeps a prepared statement only for those that have some.
        sqlx::query(sql).execute(self.connection()?).await.map(drop)
    }

    /// Sends a statement without waiting for its answer, which saves a change of threads; the next one runs after it.
    /// For SAVEPOINT alone: had it not come through, the rider's end would find no savepoint and all aboard run again.
    fn send(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match sqlx::query(sql).execute(self.connection()?).now_or_never() {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    async fn reopen_if_lost(&mut self) -> Result<(), StoreError> {
        if self.connection.is_some() {
            return Ok(());
        }
        if !self.can_reopen {
            return Err(StoreError::Unavailable { cause: "the database is closed".to_owned() });
        }
        tracing::warn!("opening the writing connection again");
        let connection = self.options.connect().await.map_err(|error| StoreError::from_sql("open", &error))?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Undoes a closure that failed or whose future was dropped half way. When that is not possible (SQLite ended the
    /// whole transaction by itself, as it may when the disk is full), all aboard are rolled back and run again.
    async fn undo_running(&mut self) {
        match self.running {
            Running::Nobody => return,
            Running::First => self.roll_back().await,
            Running::Later => {
                let undone = match self.sql("ROLLBACK TO rider").await {
                    Ok(()) => self.sql("RELEASE rider").await,
                    error => error,
                };
                if undone.is_err() {
                    self.abandon(Outcome::RolledBack).await;
                }
            }
        }
        self.running = Running::Nobody;
    }

    /// Rolls back everything aboard and tells the riders.
    async fn abandon(&mut self, outcome: Outcome) {
        self.roll_back().await;
        self.finish(outcome);
    }

    /// Ends the transaction, or else gives the connection up: SQLite rolls back what is open when it closes.
    async fn roll_back(&mut self) {
        let Err(error) = self.sql("ROLLBACK").await else { return };
        // SQLite rolled back by itself, or a dropped future never came to its BEGIN.
        if error.as_database_error().is_some_and(|error| error.message().contains("no transaction is active")) {
            return;
        }
        tracing::warn!(%error, "giving the writing connection up");
        self.give_up();
    }

    /// Closing the connection rolls back what is open on it. (A memory database would be lost with it.)
    fn give_up(&mut self) {
        if self.can_reopen {
            self.connection = None;
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.running = Running::Nobody;
        self.riders = 0;
        let batch = std::mem::take(&mut self.batch);
        let first = batch.set(outcome).is_ok();
        debug_assert!(first, "a batch ends once");
    }

    async fn commit_now(&mut self) {
        self.undo_running().await;
        if self.riders == 0 {
            return;
        }
        self.commits += 1;
        let Err(error) = self.sql("COMMIT").await else { return self.finish(Outcome::Committed) };
        let error = StoreError::from_commit(&error);
        match error {
            StoreError::CommitUnknown { .. } => {
                tracing::error!(%error, "a commit failed");
                self.roll_back().await;
                self.give_up();
                self.finish(Outcome::Failed(error));
            }
            _ if self.riders > 1 => self.abandon(Outcome::RolledBack).await,
            _ => self.abandon(Outcome::Failed(error)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, StoreError, Train};
    use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
    use std::{sync::Arc, time::Duration};
    use tokio::{sync::Mutex, time::Instant};

    async fn train(directory: &tempfile::TempDir) -> Arc<Mutex<Train>> {
        let options = SqliteConnectOptions::new().filename(directory.path().join("t.db")).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("create table t(x integer) strict").execute(&mut connection).await.unwrap();
        Train::new(connection, options, true)
    }

    async fn ride(train: &Arc<Mutex<Train>>) -> super::Batch {
        let seat = Train::take_seat(train, Instant::now() + Duration::from_secs(5)).await.unwrap();
        let mut seat = Train::board(seat, false).await.unwrap();
        sqlx::query("insert into t values (1)").execute(seat.connection().unwrap()).await.unwrap();
        seat.alight(true).await.unwrap().unwrap()
    }

    async fn rows(train: &Arc<Mutex<Train>>) -> i64 {
        let mut seat = Train::settle(Arc::clone(train).lock_owned().await).await.unwrap();
        sqlx::query_scalar("select count(*) from t").fetch_one(seat.connection().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn riders_share_a_commit() {
        let directory = tempfile::tempdir().unwrap();
        let train = train(&directory).await;
        let (one, two) = (ride(&train).await, ride(&train).await);
        assert!(Arc::ptr_eq(&one, &two) && one.get().is_none());
        assert_eq!(rows(&train).await, 2);
        assert!(matches!(one.get(), Some(Outcome::Committed)));
        assert_eq!(train.lock().await.commits(), 1);
    }

    #[tokio::test]
    async fn a_lost_connection_is_opened_again_and_its_riders_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let train = train(&directory).await;
        let aboard = ride(&train).await;
        train.lock().await.give_up();
        assert_eq!(rows(&train).await, 0);
        assert!(matches!(aboard.get(), Some(Outcome::Failed(StoreError::CommitUnknown { .. }))), "{aboard:?}");
        ride(&train).await;
        assert_eq!(rows(&train).await, 1);
    }

    #[tokio::test]
    async fn a_dropped_closure_is_undone_by_the_next_turn() {
        let directory = tempfile::tempdir().unwrap();
        let train = train(&directory).await;
        for riders in 0..3 {
            let seat = Arc::clone(&train).lock_owned().await;
            let mut seat = Train::board(seat, false).await.unwrap();
            sqlx::query("insert into t values (2)").execute(seat.connection().unwrap()).await.unwrap();
            drop(seat);
            ride(&train).await;
            assert_eq!(train.lock().await.riders, riders + 1);
        }
        assert_eq!(rows(&train).await, 3);
    }
}
