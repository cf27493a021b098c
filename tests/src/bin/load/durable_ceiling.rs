//! The ceiling of durable writes: plain sqlx on the schema of the authorization server, one writer, 64 requests to a COMMIT.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

const SCHEMA: &str = include_str!("../../../../migrations/auth-server/sqlite/0001_foundation.sql");
const PER_COMMIT: usize = 64;
/// How long a COMMIT waits for more to ride with it.
const GATHERING: Duration = Duration::from_millis(1);
/// Families of tokens, and codes, that exist beforehand.
const GRANTS: u64 = 4096;
const NOW: i64 = 1_900_000_000;

/// What one request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Consume a refresh token, insert its successor.
    Rotate,
    /// Mark a code as used, insert the first refresh token.
    Exchange,
}

/// The writer's door.
#[derive(Debug)]
pub struct Durable {
    requests: mpsc::Sender<oneshot::Sender<()>>,
}

impl Durable {
    /// Makes the database and starts its writer.
    pub async fn open(path: &Path, work: Work) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        // Grants are inserted without the users and clients that they refer to.
        let mut connection = options.clone().foreign_keys(false).connect().await?;
        connection.execute(sqlx::raw_sql(SCHEMA)).await?;
        seed(&mut connection).await?;
        connection.close().await?;
        let connection = options.connect().await?;
        let (requests, receiver) = mpsc::channel(PER_COMMIT * 4);
        tokio::spawn(write(connection, receiver, work));
        Ok(Self { requests })
    }

    /// Does the work once and returns when it is on the disk.
    pub async fn work(&self) -> anyhow::Result<()> {
        let (done, durable) = oneshot::channel();
        self.requests.send(done).await.context("the writer has ended")?;
        durable.await.context("the writer failed")
    }
}

async fn seed(connection: &mut SqliteConnection) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    for grant in 0..GRANTS {
        sqlx::query(
            "INSERT INTO authorization_grant (id, user_id, client_id, resource, scope, redirect_uri, code_hash, code_challenge, \
             code_expires_at, authenticated_at, created_at, expires_at) \
             VALUES ($1, 'user', 'client', 'http://localhost:9500/mcp', 'mcp.read', 'http://127.0.0.1/callback', $2, $3, $4, $4, $4, $4)",
        )
        .bind(grant_id(grant))
        .bind(hash("code", grant))
        .bind("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .bind(NOW)
        .execute(&mut *transaction)
        .await?;
        insert_token(&mut transaction, grant, None).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Ends when it fails, which every waiting request sees.
async fn write(
    mut connection: SqliteConnection,
    mut requests: mpsc::Receiver<oneshot::Sender<()>>,
    work: Work,
) -> anyhow::Result<()> {
    let mut number = GRANTS;
    while let Some(first) = requests.recv().await {
        let mut waiting = vec![first];
        let gather = async {
            while waiting.len() < PER_COMMIT {
                match requests.recv().await {
                    Some(next) => waiting.push(next),
                    None => break,
                }
            }
        };
        tokio::time::timeout(GATHERING, gather).await.ok();
        let mut transaction = connection.begin().await?;
        for _ in &waiting {
            step(&mut transaction, work, number).await?;
            number += 1;
        }
        transaction.commit().await?;
        for done in waiting {
            done.send(()).ok();
        }
    }
    Ok(())
}

async fn step(connection: &mut SqliteConnection, work: Work, number: u64) -> anyhow::Result<()> {
    let update = match work {
        Work::Rotate => {
            sqlx::query("UPDATE refresh_token SET answered_at = $2 WHERE hash = $1 AND answered_at IS NULL")
                .bind(hash("token", number - GRANTS))
        }
        Work::Exchange => sqlx::query("UPDATE authorization_grant SET code_attempted_at = $2 WHERE code_hash = $1")
            .bind(hash("code", number % GRANTS)),
    };
    let updated = update.bind(NOW).execute(&mut *connection).await?.rows_affected();
    anyhow::ensure!(updated == 1, "{updated} rows were updated");
    // A family has one live token: a second code of a seeded grant inserts one that was answered already.
    insert_token(connection, number, (work == Work::Exchange).then_some(NOW)).await
}

async fn insert_token(connection: &mut SqliteConnection, number: u64, answered_at: Option<i64>) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO refresh_token (hash, grant_id, generation, created_at, expires_at, answered_at, replays) \
         VALUES ($1, $2, $3, $4, $4, $5, 0)",
    )
    .bind(hash("token", number))
    .bind(grant_id(number % GRANTS))
    .bind(i64::try_from(number / GRANTS)?)
    .bind(NOW)
    .bind(answered_at)
    .execute(connection)
    .await?;
    Ok(())
}

fn hash(what: &str, number: u64) -> Vec<u8> {
    Sha256::digest(format!("{what} {number}")).to_vec()
}

/// As long as ids of ours.
fn grant_id(grant: u64) -> String {
    format!("grant_{grant:032}")
}
