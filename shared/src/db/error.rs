#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The statement failed; nothing of this transaction was kept.
    #[error("statement {statement}: {cause}")]
    Failed { statement: &'static str, cause: String },
    /// Another transaction won; `write` retries these by itself.
    #[error("statement {statement}: conflict")]
    Conflict { statement: &'static str },
    /// The connection broke during COMMIT: it may or may not have happened. Never retried here.
    #[error("commit outcome unknown: {cause}")]
    CommitUnknown { cause: String },
}
impl StoreError {
    pub(super) fn sql(statement: &'static str, e: sqlx::Error) -> Self {
        let code = e.as_database_error().and_then(|d| d.code()).unwrap_or_default();
        // PostgreSQL 40001/40P01; SQLite BUSY (5), BUSY_SNAPSHOT (517), LOCKED (6)
        if matches!(&*code, "40001" | "40P01" | "5" | "517" | "6") {
            return Self::Conflict { statement };
        }
        Self::Failed { statement, cause: e.to_string() }
    }
}
