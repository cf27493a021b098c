//! Group commit for SQLite's single writer: transactions ride one COMMIT without a queue of boxed jobs.
//! Each writer takes the fair lock twice: once to run its closure, once to commit. Whoever comes first
//! to the second turn commits for everybody who ran in between.
use super::StoreError;
use sqlx::{Executor, sqlite::SqliteConnection};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub type Batch = Arc<OnceLock<Result<(), StoreError>>>;
pub struct Train {
    pub conn: SqliteConnection,
    riders: u32,
    running: bool,
    batch: Batch,
    pub commits: u64,
}
pub type Seat = OwnedMutexGuard<Train>;

impl Train {
    pub fn new(conn: SqliteConnection) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { conn, riders: 0, running: false, batch: Batch::default(), commits: 0 }))
    }
    async fn sql(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.conn.execute(sql).await.map(drop).map_err(|e| StoreError::sql(sql, e))
    }

    /// Undoes a closure whose future was dropped half way, then opens the transaction or a savepoint in it.
    pub async fn board(&mut self) -> Result<(), StoreError> {
        self.undo_running().await?;
        self.sql(if self.riders == 0 { "BEGIN IMMEDIATE" } else { "SAVEPOINT rider" }).await?;
        self.running = true;
        Ok(())
    }
    async fn undo_running(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.running) {
            return Ok(());
        }
        if self.riders == 0 {
            return self.sql("ROLLBACK").await;
        }
        let undone = match self.sql("ROLLBACK TO rider").await {
            Ok(()) => self.sql("RELEASE rider").await,
            e => e,
        };
        // SQLite ended the whole transaction by itself (disk full, I/O): all aboard failed.
        if let Err(e) = &undone {
            let _ = self.sql("ROLLBACK").await;
            self.finish(Err(e.clone()));
        }
        undone
    }
    pub async fn alight(&mut self, keep: bool) -> Result<Option<Batch>, StoreError> {
        if !keep {
            self.undo_running().await?;
            return Ok(None);
        }
        if self.riders > 0 {
            self.sql("RELEASE rider").await?;
        }
        self.running = false;
        self.riders += 1;
        Ok(Some(self.batch.clone()))
    }
    fn finish(&mut self, outcome: Result<(), StoreError>) {
        let _ = std::mem::take(&mut self.batch).set(outcome);
        self.riders = 0;
    }
    /// Commits all aboard, unless an earlier rider of the same batch did.
    pub async fn commit_unless(train: Arc<Mutex<Self>>, batch: Batch) {
        let mut t = train.lock().await;
        if batch.get().is_none() {
            t.commit_now().await
        }
    }
    pub async fn commit(train: Arc<Mutex<Self>>) {
        train.lock().await.commit_now().await
    }
    async fn commit_now(&mut self) {
        let _ = self.undo_running().await;
        if self.riders == 0 {
            return;
        }
        let outcome = self.sql("COMMIT").await;
        if outcome.is_err() {
            let _ = self.sql("ROLLBACK").await;
        }
        self.commits += 1;
        self.finish(outcome);
    }
}
