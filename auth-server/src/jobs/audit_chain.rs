//! Chains audit events every second, and forgets the oldest by age. Chaining in the request would be a lock on all of them.

use super::elected::{ElectedJob, JobRun};
use crate::{
    app::App,
    audit::{chain_events, forget_events},
};
use std::{sync::Arc, time::Duration};

/// Chains what was recorded since the last run.
pub static AUDIT_CHAIN: ElectedJob =
    ElectedJob { name: "audit_chain", period: Duration::from_secs(1), lease_seconds: 15, run: &chain };
/// Forgets what is older than the setting says.
pub static AUDIT_RETENTION: ElectedJob =
    ElectedJob { name: "audit_retention", period: Duration::from_secs(3600), lease_seconds: 60, run: &forget };

fn chain(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        chain_events(&app.store, &app.audit_key, app.random.as_ref()).await?;
        Ok(())
    })
}

fn forget(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        let retention_seconds = app.settings.auth_server.audit_retention.seconds();
        let random = app.random.as_ref();
        let rows = forget_events(&app.store, &app.audit_key, random, retention_seconds, app.clock.now()).await?;
        if rows > 0 {
            tracing::info!(rows, "audit events were forgotten by age");
        }
        Ok(())
    })
}
