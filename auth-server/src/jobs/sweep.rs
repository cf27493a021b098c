//! Forgets what has expired: codes, links, sessions, assertions, clients that nobody consented to, ended grants, old changes.

use super::elected::{ElectedJob, JobRun};
use crate::{
    app::App,
    store::expired::{self, ROWS_A_STATEMENT},
};
use shared::{clock::UnixSeconds, db::Store, db::StoreError};
use std::{sync::Arc, time::Duration};

/// Sweeping by one instance: several would only lose conflicts against each other.
pub static SWEEP: ElectedJob =
    ElectedJob { name: "sweep", period: Duration::from_secs(60), lease_seconds: 60, run: &sweep };
/// A table with more to forget than this many statements take waits for the next round, so that sweeping never starves writers.
const STATEMENTS_A_ROUND: u32 = 20;

fn sweep(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        let rows = sweep_once(&app.store, app.clock.now()).await?;
        if rows > 0 {
            tracing::debug!(rows, "forgot what had expired");
        }
        Ok(())
    })
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
