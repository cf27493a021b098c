//! Readiness: what this server cannot do without.

use crate::{app::App, change_log::follower::CACHE_MAX_SILENCE};
use async_trait::async_trait;
use shared::http::{DatabaseCheck, ReadinessCheck};
use std::sync::Arc;

/// Database, keys, change log.
pub fn checks(app: &Arc<App>) -> Vec<Arc<dyn ReadinessCheck>> {
    vec![
        Arc::new(DatabaseCheck(app.store.clone())),
        Arc::new(Keys(Arc::clone(app))),
        Arc::new(ChangeLog(Arc::clone(app))),
    ]
}

struct Keys(Arc<App>);

#[async_trait]
impl ReadinessCheck for Keys {
    fn name(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<(), &'static str> {
        if self.0.keys.can_sign() { Ok(()) } else { Err("there is no key to sign with") }
    }
}

struct ChangeLog(Arc<App>);

#[async_trait]
impl ReadinessCheck for ChangeLog {
    fn name(&self) -> &'static str {
        "change_log"
    }

    async fn check(&self) -> Result<(), &'static str> {
        if self.0.follower.silence() < CACHE_MAX_SILENCE { Ok(()) } else { Err("is not followed") }
    }
}
