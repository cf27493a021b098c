//! Forgets what has expired: codes, links, sessions, assertions, clients that nobody consented to, ended grants, old changes.

use crate::{
    app::App,
    store::expired::{self, ROWS_A_STATEMENT},
};
use shared::{clock::UnixSeconds, db::Store, db::StoreError};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often an instance sweeps. Several at once do no harm: they delete what is expired, and only that.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// A table with more to forget than this many statements take waits for the next round, so that sweeping never starves writers.
const STATEMENTS_A_ROUND: u32 = 20;

/// Sweeps until `stop`.
pub async fn sweep(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_INTERVAL) => {}
        }
        match sweep_once(&app.store, app.clock.now()).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "forgot what had expired"),
            Err(error) => tracing::warn!(%error, "what has expired could not be forgotten"),
        }
    }
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
