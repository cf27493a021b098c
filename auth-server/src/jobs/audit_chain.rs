//! Chains audit events every second, and forgets the oldest by age. Chaining in the request would be a lock on all of them.

use super::elected::{ElectedJob, JobRun};
use crate::{
    app::App,
    audit::{chain_events, forget_events},
    store::sweep_time,
};
use std::{sync::Arc, time::Duration};

/// Chains what was recorded since the last run.
pub static AUDIT_CHAIN: ElectedJob =
    ElectedJob { name: "audit_chain", period: Duration::from_secs(1), lease_seconds: 15, run: &chain };
/// Forgets what is older than the setting says.
pub static AUDIT_RETENTION: ElectedJob =
    ElectedJob { name: "audit_retention", period: Duration::from_secs(3600), lease_seconds: 60, run: &forget };

/// So far behind the clock sweeping is told to the operator, once an hour.
const BEHIND_WORTH_TELLING_SECONDS: i64 = 24 * 3600;

fn chain(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        chain_events(&app.store, &app.audit_key, app.random.as_ref()).await?;
        Ok(())
    })
}

fn forget(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        let retention_seconds = app.settings.auth_server.audit_retention.seconds();
        let now = app.clock.now();
        // Before the first sweep nobody knows whether the clock jumped.
        let Some(at) = sweep_time::find(&mut app.store.read()).await? else { return Ok(()) };
        if now - at > BEHIND_WORTH_TELLING_SECONDS {
            let behind_seconds = now - at;
            tracing::warn!(
                behind_seconds,
                "the clock is far ahead of the last sweep: it jumped, or this server was off; old things are forgotten slowly until that is made up"
            );
        }
        let random = app.random.as_ref();
        let rows = forget_events(&app.store, &app.audit_key, random, retention_seconds, now.min(at)).await?;
        if rows > 0 {
            tracing::info!(rows, "audit events were forgotten by age");
        }
        Ok(())
    })
}
