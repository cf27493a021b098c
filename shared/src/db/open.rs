//! Opening a store: how each database is set up.

use super::{
    DatabaseUrl, MigrationError, Schema, Store, StoreError, database_url::Location, migration, store::Backend,
    train::Train,
};
use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    str::FromStr as _,
    time::Duration,
};

/// How many connections a store may have, and how long one is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// SQLite: connections that read beside the one that writes.
    pub sqlite_readers: u32,
    /// PostgreSQL: connections, for reading and writing.
    pub postgres_connections: u32,
    /// How long a statement waits for a free connection before the database counts as unavailable.
    pub acquire_timeout: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { sqlite_readers: 4, postgres_connections: 16, acquire_timeout: Duration::from_secs(3) }
    }
}

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be reached or set up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema cannot be brought up to date.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The SQLite file cannot be made, or made private, or is no database that can be read.
    #[error("the database file {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        cause: String,
    },
}

/// Only the owner may read a database file.
const FILE_MODE: u32 = 0o600;
/// How long a reading SQLite connection waits for a lock (WAL readers wait only for recovery).
const READER_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long BEGIN waits inside SQLite for another process. Short, because SQLite's own waits grow to 100 ms and are
/// unfair: `Store::write` repeats with jitter until its deadline.
const WRITER_BUSY_TIMEOUT: Duration = Duration::from_millis(20);
/// Prepared statements kept on a connection: more than a server has.
const STATEMENTS_KEPT: usize = 512;
/// The WAL file is cut down to this size after a checkpoint.
const WAL_SIZE_LIMIT_BYTES: &str = "67108864";
/// PostgreSQL ends a statement itself after this time (milliseconds).
const POSTGRES_STATEMENT_TIMEOUT_MILLISECONDS: &str = "10000";
/// PostgreSQL ends a transaction of a process that vanished after this time (milliseconds).
const POSTGRES_IDLE_IN_TRANSACTION_MILLISECONDS: &str = "15000";
/// A pooled connection unused for longer than this is probed before it is used again.
const POSTGRES_TRUSTED_IDLE: Duration = Duration::from_secs(1);

impl Store {
    /// Opens the database at `url`, making it if it is missing (SQLite) or its schema (PostgreSQL), and brings it up to
    /// date: one process migrates, the others wait.
    ///
    /// # Errors
    /// The database cannot be reached; its schema is newer than, or differs from, the one of this binary; a migration
    /// failed, and left everything as it was.
    pub async fn open(url: &DatabaseUrl, schema: &Schema, limits: PoolLimits) -> Result<Self, OpenError> {
        match &url.0 {
            Location::File(path) => open_file(path, schema, limits).await.map_err(|error| named(error, path)),
            Location::Memory => open_memory(schema).await,
            Location::Postgres(url) => open_postgres(url.expose(), schema, limits).await,
        }
    }
}

/// Says which file it is, where SQLite does not.
fn named(error: OpenError, path: &Path) -> OpenError {
    match error {
        OpenError::Store(cause) => OpenError::File { path: path.display().to_string(), cause: cause.to_string() },
        OpenError::Migration(MigrationError::Unreadable { cause }) => {
            OpenError::File { path: path.display().to_string(), cause }
        }
        other => other,
    }
}

async fn open_file(path: &Path, schema: &Schema, limits: PoolLimits) -> Result<Store, OpenError> {
    make_private(path)
        .map_err(|error| OpenError::File { path: path.display().to_string(), cause: error.to_string() })?;
    let options = sqlite_options()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WRITER_BUSY_TIMEOUT)
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", WAL_SIZE_LIMIT_BYTES);
    // The first opening switches to WAL, which needs the file for itself; the driver's first statement waits for that.
    let first = options.clone().busy_timeout(READER_BUSY_TIMEOUT);
    let mut connection = first.connect().await.map_err(|error| StoreError::from_sql("open", &error))?;
    migration::sqlite::run(&mut connection, Some(path), schema).await?;
    connection.close().await.map_err(|error| StoreError::from_sql("open", &error))?;
    let connection = options.connect().await.map_err(|error| StoreError::from_sql("open", &error))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(limits.sqlite_readers)
        .acquire_timeout(limits.acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(sqlite_options().filename(path).read_only(true).busy_timeout(READER_BUSY_TIMEOUT));
    Ok(Store::new(Backend::SqliteFile { writer: Train::new(connection, options, true), readers }))
}

async fn open_memory(schema: &Schema) -> Result<Store, OpenError> {
    let options = sqlite_options().in_memory(true);
    let mut connection = options.connect().await.map_err(|error| StoreError::from_sql("open", &error))?;
    migration::sqlite::run(&mut connection, None, schema).await?;
    Ok(Store::new(Backend::SqliteMemory { writer: Train::new(connection, options, false) }))
}

fn sqlite_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .disable_statement_logging()
        .create_if_missing(false)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .pragma("mmap_size", "268435456")
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "memory")
}

/// Makes the file with its mode before SQLite opens it (the journal beside it inherits the mode), or takes the rights of
/// others away from one that exists.
pub(super) fn make_private(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(FILE_MODE);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

async fn open_postgres(url: &str, schema: &Schema, limits: PoolLimits) -> Result<Store, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::from_sql("open", &error))?
        .disable_statement_logging()
        .statement_cache_capacity(STATEMENTS_KEPT)
        .application_name("postern")
        .options([
            ("search_path", schema.name()),
            ("synchronous_commit", "on"),
            ("statement_timeout", POSTGRES_STATEMENT_TIMEOUT_MILLISECONDS),
            ("idle_in_transaction_session_timeout", POSTGRES_IDLE_IN_TRANSACTION_MILLISECONDS),
        ]);
    let pool = postgres_pool(options, limits);
    let mut connection = pool.acquire().await.map_err(|error| StoreError::from_sql("open", &error))?;
    migration::postgres::run(&mut connection, schema).await?;
    drop(connection);
    Ok(Store::new(Backend::Postgres { pool }))
}

fn postgres_pool(options: PgConnectOptions, limits: PoolLimits) -> PgPool {
    PgPoolOptions::new()
        .max_connections(limits.postgres_connections)
        .acquire_timeout(limits.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > POSTGRES_TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
