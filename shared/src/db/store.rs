use super::{
    Bind, Row, Statement, StoreError,
    statement::bound,
    train::{Seat, Train},
};
use sqlx::{PgPool, Postgres, SqlitePool, Transaction};
use std::{
    future::Future,
    sync::{Arc, Mutex as Slot},
};
use tokio::sync::Mutex;

pub enum Fault {
    FailBefore,
    FailAfter,
    Conflict,
}
/// Called before each named statement, `begin` and `commit` included.
pub trait Faults: Send + Sync {
    fn at(&self, name: &'static str) -> Option<Fault>;
}

enum Connection {
    Sqlite(Seat),
    Postgres(Transaction<'static, Postgres>),
}
struct Returned {
    connection: Connection,
    conflict: bool,
}

/// One write transaction. Owned, so that the future using it is `Send` without a higher-ranked bound;
/// dropping it gives the connection back to `write`, which alone commits.
pub struct Tx {
    connection: Option<Connection>,
    conflict: bool,
    back: Arc<Slot<Option<Returned>>>,
    faults: Option<Arc<dyn Faults>>,
}
impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            *self.back.lock().unwrap() = Some(Returned { connection, conflict: self.conflict })
        }
    }
}
macro_rules! on {
    ($tx:expr, $s:expr, $b:expr, $method:ident, $sq:expr, $pg:expr) => {{
        let fault = $tx.faults.as_ref().and_then(|f| f.at($s.name));
        let r = match fault {
            Some(Fault::FailBefore) => Err(StoreError::Failed { statement: $s.name, cause: "injected before".into() }),
            Some(Fault::Conflict) => Err(StoreError::Conflict { statement: $s.name }),
            _ => match $tx.connection.as_mut().expect("taken only by drop") {
                Connection::Sqlite(c) => bound!($s, $b).$method(&mut c.conn).await.map($sq),
                Connection::Postgres(t) => bound!($s, $b).$method(&mut **t).await.map($pg),
            }
            .map_err(|e| StoreError::sql($s.name, e)),
        };
        let r = if matches!(fault, Some(Fault::FailAfter)) {
            Err(StoreError::Failed { statement: $s.name, cause: "injected after".into() })
        } else {
            r
        };
        $tx.conflict |= matches!(r, Err(StoreError::Conflict { .. }));
        r
    }};
}
impl Tx {
    /// Rows affected.
    pub async fn execute(
        &mut self,
        s: &Statement,
        binds: impl IntoIterator<Item = Bind> + Send,
    ) -> Result<u64, StoreError> {
        on!(self, s, binds, execute, |r| r.rows_affected(), |r| r.rows_affected())
    }
    pub async fn fetch_optional(
        &mut self,
        s: &Statement,
        binds: impl IntoIterator<Item = Bind> + Send,
    ) -> Result<Option<Row>, StoreError> {
        on!(self, s, binds, fetch_optional, |r| r.map(Row::Sqlite), |r| r.map(Row::Postgres))
    }
}

#[derive(Clone)]
enum Backend {
    Sqlite {
        writer: Arc<Mutex<Train>>,
        #[allow(dead_code)]
        readers: SqlitePool,
    },
    Postgres(PgPool),
}
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    pub faults: Option<Arc<dyn Faults>>,
}

const MAX_ATTEMPTS: u32 = 20;
impl Store {
    pub fn sqlite(writer: sqlx::sqlite::SqliteConnection, readers: SqlitePool) -> Self {
        Self { backend: Backend::Sqlite { writer: Train::new(writer), readers }, faults: None }
    }
    pub fn postgres(pool: PgPool) -> Self {
        Self { backend: Backend::Postgres(pool), faults: None }
    }
    pub async fn commits(&self) -> u64 {
        match &self.backend {
            Backend::Sqlite { writer, .. } => writer.lock().await.commits,
            _ => 0,
        }
    }

    /// Runs `work` in one serializable write transaction. `Ok` commits, durably, before it returns; `Err` rolls
    /// back. A refusal that must be remembered (a family revoked) is therefore an `Ok` value. `work` may run more
    /// than once (a conflict), so it only captures references and has no effect but its statements.
    pub async fn write<T, Work, Fut>(&self, work: Work) -> Result<T, StoreError>
    where
        Work: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, StoreError>> + Send,
        T: Send,
    {
        for attempt in 1.. {
            match self.attempt(&work).await {
                Err(StoreError::Conflict { .. }) if attempt < MAX_ATTEMPTS => {
                    tokio::time::sleep(std::time::Duration::from_millis(attempt.into())).await
                } // jitter in the product
                done => return done,
            }
        }
        unreachable!()
    }
    async fn attempt<T, Work, Fut>(&self, work: &Work) -> Result<T, StoreError>
    where
        Work: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, StoreError>> + Send,
        T: Send,
    {
        let settle = Settle::arm(&self.backend);
        let connection = self.begin().await?;
        let back = Arc::new(Slot::new(None));
        let tx = Tx { connection: Some(connection), conflict: false, back: back.clone(), faults: self.faults.clone() };
        let result = work(tx).await;
        let Returned { connection, conflict } = back.lock().unwrap().take().expect("work must not keep its Tx");
        let result = if conflict { Err(StoreError::Conflict { statement: "transaction" }) } else { result };
        let r = self.end(connection, result.is_ok()).await;
        settle.disarm();
        match result {
            Ok(v) => r.map(|()| v),
            e => e,
        }
    }
    async fn begin(&self) -> Result<Connection, StoreError> {
        match &self.backend {
            Backend::Sqlite { writer, .. } => {
                let mut seat = writer.clone().lock_owned().await;
                seat.board().await?;
                Ok(Connection::Sqlite(seat))
            }
            Backend::Postgres(pool) => pool
                .begin_with("BEGIN ISOLATION LEVEL SERIALIZABLE")
                .await
                .map(Connection::Postgres)
                .map_err(|e| StoreError::sql("begin", e)),
        }
    }
    async fn end(&self, connection: Connection, keep: bool) -> Result<(), StoreError> {
        let fault = if keep { self.faults.as_ref().and_then(|f| f.at("commit")) } else { None };
        let keep = keep && !matches!(fault, Some(Fault::FailBefore | Fault::Conflict));
        let ended = match connection {
            Connection::Sqlite(mut seat) => {
                let batch = seat.alight(keep).await?;
                drop(seat);
                match (batch, &self.backend) {
                    (Some(batch), Backend::Sqlite { writer, .. }) => {
                        let _ = tokio::spawn(Train::commit_unless(writer.clone(), batch.clone())).await; // a dropped caller still commits
                        batch
                            .get()
                            .cloned()
                            .unwrap_or_else(|| Err(StoreError::CommitUnknown { cause: "stopping".into() }))
                    }
                    _ => Ok(()),
                }
            }
            Connection::Postgres(t) if keep => t.commit().await.map_err(|e| match StoreError::sql("commit", e) {
                StoreError::Failed { cause, .. } => StoreError::CommitUnknown { cause },
                c => c,
            }),
            Connection::Postgres(t) => t.rollback().await.map_err(|e| StoreError::sql("rollback", e)),
        };
        match fault {
            Some(Fault::FailBefore) => Err(StoreError::Failed { statement: "commit", cause: "injected before".into() }),
            Some(Fault::Conflict) => Err(StoreError::Conflict { statement: "commit" }),
            Some(Fault::FailAfter) => Err(StoreError::CommitUnknown { cause: "injected after".into() }),
            None => ended,
        }
    }
}
/// Nobody may leave a transaction open: if the caller is dropped half way, a task undoes its part and commits the rest.
struct Settle(Option<Arc<Mutex<Train>>>);
impl Settle {
    fn arm(b: &Backend) -> Self {
        Self(match b {
            Backend::Sqlite { writer, .. } => Some(writer.clone()),
            _ => None,
        })
    }
    fn disarm(mut self) {
        self.0 = None
    }
}
impl Drop for Settle {
    fn drop(&mut self) {
        if let Some(t) = self.0.take() {
            tokio::spawn(Train::commit(t));
        }
    }
}
