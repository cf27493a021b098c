//! Forgets what has expired: codes, links, sessions, assertions, clients that nobody consented to, ended grants, old changes.

use super::elected::{ElectedJob, JobRun};
use crate::{
    app::App,
    store::{
        expired::{self, ROWS_A_STATEMENT},
        sweep_time,
    },
};
use shared::{clock::UnixSeconds, db::Store, db::StoreError};
use std::{sync::Arc, time::Duration};

/// Sweeping by one instance: several would only lose conflicts against each other.
pub static SWEEP: ElectedJob =
    ElectedJob { name: "sweep", period: Duration::from_secs(60), lease_seconds: 60, run: &sweep };
/// A table with more to forget than this many statements take waits for the next round, so that sweeping never starves writers.
const STATEMENTS_A_ROUND: u32 = 20;

/// In one run the time by which things are forgotten goes on by no more than this, ten times as fast as a clock that is right. One that jumped ahead
/// forgets nothing at once that lives, and there are days to put it right; a server that was off catches up.
pub const ADVANCE_MAX_SECONDS: i64 = 10 * 60;

fn sweep(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        let at = advance_sweep_time(&app.store, app.clock.now()).await?;
        let rows = sweep_once(&app.store, at).await?;
        if rows > 0 {
            tracing::debug!(rows, "forgot what had expired");
        }
        Ok(())
    })
}

/// The time by which things may be forgotten now: what the clock shows, unless that is more than [`ADVANCE_MAX_SECONDS`] ahead of the last run.
///
/// # Errors
/// The database failed.
pub async fn advance_sweep_time(store: &Store, now: UnixSeconds) -> Result<UnixSeconds, StoreError> {
    store
        .write(|mut tx| async move {
            let last = sweep_time::find(&mut tx).await?;
            let at = last.map_or(now, |last| now.min(last.saturating_add(ADVANCE_MAX_SECONDS)));
            sweep_time::put(&mut tx, at).await?;
            Ok(at)
        })
        .await
}

/// One round over all tables; returns how many rows went.
///
/// # Errors
/// The database failed.
pub async fn sweep_once(store: &Store, now: UnixSeconds) -> Result<u64, StoreError> {
    let mut total = 0;
    for which in &expired::ALL {
        for _ in 0..STATEMENTS_A_ROUND {
            let rows = store.write(|mut tx| async move { expired::forget(&mut tx, which, now).await }).await?;
            total += rows;
            if i64::try_from(rows).is_ok_and(|rows| rows < ROWS_A_STATEMENT) {
                break;
            }
        }
    }
    Ok(total)
}
