//! Migrating a SQLite file. The lock is the file's own write lock (`BEGIN IMMEDIATE`).

use super::{Applied, LOCK_WAIT_SECONDS, Migration, MigrationError, Schema, checksum, log, pending};
use sqlx::{Row as _, sqlite::SqliteConnection};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

const CREATE: &str = "create table if not exists schema_migration(
    name text primary key not null, checksum text not null) strict";
const EXISTS: &str = "select 1 from sqlite_schema where type = 'table' and name = 'schema_migration'";
const HAS_DATA: &str = "select 1 from sqlite_schema where type = 'table' and name <> 'schema_migration' limit 1";
const APPLIED: &str = "select name, checksum from schema_migration order by name";
const RECORD: &str = "insert into schema_migration(name, checksum) values ($1, $2)";

const POLL: Duration = Duration::from_millis(20);

/// Applies what is pending, in one transaction; copies the file at `path` first, if it holds anything.
pub(in crate::db) async fn run(
    connection: &mut SqliteConnection,
    path: Option<&Path>,
    schema: &Schema,
) -> Result<(), MigrationError> {
    // Without the lock first: an up-to-date database needs no write at all.
    if is_set_up(connection).await? && still_pending(connection, schema).await?.is_empty() {
        return Ok(());
    }
    // Rebuilding a table needs this off, and it cannot be changed inside a transaction.
    execute(connection, "pragma foreign_keys = off").await?;
    lock(connection).await?;
    let result = run_locked(connection, path, schema).await;
    let ended = execute(connection, if result.is_ok() { "commit" } else { "rollback" }).await;
    execute(connection, "pragma foreign_keys = on").await?;
    result.and(ended)
}

async fn run_locked(
    connection: &mut SqliteConnection,
    path: Option<&Path>,
    schema: &Schema,
) -> Result<(), MigrationError> {
    let pending = match is_set_up(connection).await? {
        true => still_pending(connection, schema).await?,
        false => schema.migrations(),
    };
    if let (Some(path), Some(first)) = (path, pending.first())
        && exists(connection, HAS_DATA).await?
    {
        copy(path, first.name).await?;
    }
    execute(connection, CREATE).await?;
    for migration in pending {
        apply(connection, migration).await?;
        log(migration, pending, schema);
    }
    let broken = sqlx::query("pragma foreign_key_check").fetch_optional(&mut *connection).await;
    match broken.map_err(|error| MigrationError::failed("foreign_key_check", &error))? {
        None => Ok(()),
        Some(_) => Err(MigrationError::Failed {
            name: pending.last().map_or("foreign_key_check", |migration| migration.name).to_owned(),
            cause: "rows refer to rows that do not exist".to_owned(),
        }),
    }
}

async fn apply(connection: &mut SqliteConnection, migration: &Migration) -> Result<(), MigrationError> {
    let failed = |error| MigrationError::failed(migration.name, &error);
    sqlx::raw_sql(migration.sqlite).execute(&mut *connection).await.map_err(failed)?;
    let record = sqlx::query(RECORD).bind(migration.name).bind(checksum(migration.sqlite));
    record.execute(&mut *connection).await.map_err(failed)?;
    Ok(())
}

async fn lock(connection: &mut SqliteConnection) -> Result<(), MigrationError> {
    let deadline = Instant::now() + Duration::from_secs(LOCK_WAIT_SECONDS);
    loop {
        match sqlx::query("begin immediate").execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if is_busy(&error) && Instant::now() < deadline => tokio::time::sleep(POLL).await,
            Err(error) if is_busy(&error) => return Err(MigrationError::Waited { seconds: LOCK_WAIT_SECONDS }),
            Err(error) => return Err(MigrationError::failed("begin", &error)),
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    matches!(crate::db::StoreError::from_sql("begin", error), crate::db::StoreError::Conflict { .. })
}

async fn is_set_up(connection: &mut SqliteConnection) -> Result<bool, MigrationError> {
    exists(connection, EXISTS).await
}

async fn exists(connection: &mut SqliteConnection, sql: &'static str) -> Result<bool, MigrationError> {
    let row = sqlx::query(sql).fetch_optional(connection).await;
    row.map(|row| row.is_some()).map_err(|error| MigrationError::unreadable(&error))
}

async fn still_pending(
    connection: &mut SqliteConnection,
    schema: &Schema,
) -> Result<&'static [Migration], MigrationError> {
    let failed = |error| MigrationError::unreadable(&error);
    let rows = sqlx::query(APPLIED).fetch_all(connection).await.map_err(failed)?;
    let applied: Result<Vec<_>, _> =
        rows.iter().map(|row| Ok(Applied { name: row.try_get("name")?, checksum: row.try_get("checksum")? })).collect();
    pending(schema.migrations(), &applied.map_err(failed)?, |migration| migration.sqlite)
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), MigrationError> {
    sqlx::query(sql).execute(connection).await.map(drop).map_err(|error| MigrationError::failed(sql, &error))
}

/// Copies the database to `FILE.before-MIGRATION`, complete or not at all. The caller holds the write lock, so nothing
/// changes meanwhile; a second connection reads, because VACUUM INTO does not run inside a transaction.
async fn copy(path: &Path, migration: &str) -> Result<(), MigrationError> {
    let target = beside(path, &format!(".before-{migration}"));
    let failed = |cause: String| MigrationError::Copy { path: target.display().to_string(), cause };
    let partial = beside(&target, ".partial");
    copy_to(path, &partial).await.map_err(|error| failed(error.to_string()))?;
    std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(|error| failed(error.to_string()))?;
    std::fs::rename(&partial, &target).map_err(|error| failed(error.to_string()))?;
    tracing::info!(copy = %target.display(), "copied the database before migrating it");
    Ok(())
}

async fn copy_to(path: &Path, partial: &Path) -> Result<(), sqlx::Error> {
    use sqlx::{ConnectOptions as _, Connection as _};
    // An empty file with the right mode: VACUUM INTO fills it.
    match std::fs::remove_file(partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => crate::db::open::make_private(partial)?,
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).disable_statement_logging();
    let mut reader = options.connect().await?;
    let text = partial.to_str().ok_or_else(|| std::io::Error::other("the path is not UTF-8"))?;
    sqlx::query("vacuum into $1").bind(text.to_owned()).execute(&mut reader).await?;
    reader.close().await
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
