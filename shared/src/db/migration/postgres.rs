//! Migrating a PostgreSQL schema. The lock is an advisory lock named after the schema.

use super::{Applied, LOCK_WAIT_SECONDS, Migration, MigrationError, Schema, checksum, log, pending};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, postgres::PgConnection};

const SCHEMA_EXISTS: &str = "select 1 from pg_namespace where nspname = $1";
const EXISTS: &str = "select 1 from pg_tables where schemaname = $1 and tablename = 'schema_migration'";
const CREATE: &str =
    "create table if not exists schema_migration(name text primary key not null, checksum text not null)";
const APPLIED: &str = "select name, checksum from schema_migration order by name collate \"C\"";
const RECORD: &str = "insert into schema_migration(name, checksum) values ($1, $2)";
/// Migrations may take long; waiting for another process that migrates is bounded.
const LIMITS: &str = "select set_config('statement_timeout', '0', true), set_config('lock_timeout', $1, true),
    set_config('idle_in_transaction_session_timeout', '0', true)";
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('postern.migration.' || $1, 0))";
/// SQLSTATE lock_not_available: `lock_timeout` ran out.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Applies what is pending, in one transaction.
pub(in crate::db) async fn run(connection: &mut PgConnection, schema: &Schema) -> Result<(), MigrationError> {
    // Without the lock first: an up-to-date schema needs no right to change it.
    if exists(connection, EXISTS, schema).await? && still_pending(connection, schema).await?.is_empty() {
        return Ok(());
    }
    // READ COMMITTED, so that what is read after the wait for the lock is what the other process committed.
    let begin = connection.begin_with("begin isolation level read committed read write").await;
    let mut transaction = begin.map_err(|error| MigrationError::failed("begin", &error))?;
    lock(&mut transaction, schema).await?;
    run_locked(&mut transaction, schema).await?;
    transaction.commit().await.map_err(|error| MigrationError::failed("commit", &error))
}

async fn run_locked(connection: &mut PgConnection, schema: &Schema) -> Result<(), MigrationError> {
    if !exists(connection, SCHEMA_EXISTS, schema).await? {
        // An identifier cannot be a parameter; `Schema::new` admits a-z, 0-9 and _ only.
        let create = AssertSqlSafe(format!("create schema \"{}\"", schema.name()));
        let created = sqlx::raw_sql(create).execute(&mut *connection).await;
        created.map_err(|error| MigrationError::failed("create schema", &error))?;
    }
    let created = sqlx::query(CREATE).execute(&mut *connection).await;
    created.map_err(|error| MigrationError::failed("create table", &error))?;
    let pending = still_pending(connection, schema).await?;
    for migration in pending {
        apply(connection, migration).await?;
        log(migration, pending, schema);
    }
    Ok(())
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrationError> {
    let failed = |error| MigrationError::failed(migration.name, &error);
    sqlx::raw_sql(migration.postgres).execute(&mut *connection).await.map_err(failed)?;
    let record = sqlx::query(RECORD).bind(migration.name).bind(checksum(migration.postgres));
    record.execute(&mut *connection).await.map_err(failed)?;
    Ok(())
}

async fn lock(connection: &mut PgConnection, schema: &Schema) -> Result<(), MigrationError> {
    let limits = sqlx::query(LIMITS).bind(format!("{LOCK_WAIT_SECONDS}s")).execute(&mut *connection).await;
    limits.map_err(|error| MigrationError::failed("limits", &error))?;
    match sqlx::query(LOCK).bind(schema.name()).execute(&mut *connection).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.as_database_error().and_then(|error| error.code()) {
            Some(code) if code == LOCK_NOT_AVAILABLE => MigrationError::Waited { seconds: LOCK_WAIT_SECONDS },
            _ => MigrationError::failed("lock", &error),
        }),
    }
}

async fn exists(connection: &mut PgConnection, sql: &'static str, schema: &Schema) -> Result<bool, MigrationError> {
    let row = sqlx::query(sql).bind(schema.name()).fetch_optional(connection).await;
    row.map(|row| row.is_some()).map_err(|error| MigrationError::unreadable(&error))
}

async fn still_pending(connection: &mut PgConnection, schema: &Schema) -> Result<&'static [Migration], MigrationError> {
    let failed = |error| MigrationError::unreadable(&error);
    let rows = sqlx::query(APPLIED).fetch_all(connection).await.map_err(failed)?;
    let applied: Result<Vec<_>, _> =
        rows.iter().map(|row| Ok(Applied { name: row.try_get("name")?, checksum: row.try_get("checksum")? })).collect();
    pending(schema.migrations(), &applied.map_err(failed)?, |migration| migration.postgres)
}
