//! Lets the life of keys go on: see [`crate::key_lifecycle`].

use super::elected::{ElectedJob, JobRun};
use crate::{
    app::App,
    key_lifecycle::{advance_signing_keys, rotate_successor_key},
};
use std::{sync::Arc, time::Duration};

/// Looks often, because somebody may be in a hurry; there is seldom anything to do.
pub static KEYS: ElectedJob =
    ElectedJob { name: "keys", period: Duration::from_secs(5), lease_seconds: 30, run: &advance };

fn advance(app: Arc<App>) -> JobRun {
    Box::pin(async move {
        let period_seconds = app.settings.auth_server.key_rotation_period.seconds();
        let steps = advance_signing_keys(&app.key_act(), period_seconds).await?;
        let replaced = rotate_successor_key(&app.key_act()).await?;
        if steps > 0 || replaced {
            tracing::info!(steps, successor_keys = replaced, "the life of keys went on");
        }
        Ok(())
    })
}
