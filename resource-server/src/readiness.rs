//! What `/readyz` asks: can this server judge a call, and answer it?

use crate::{
    bearer::revocations::{FeedState, Revocations},
    issuer::jwks::JwksCache,
    trusted_issuers::TrustedIssuer,
};
use async_trait::async_trait;
use shared::{
    clock::SharedClock,
    db::Store,
    ephemeral::Ephemeral,
    http::{DatabaseCheck, ReadinessCheck},
};
use std::sync::Arc;

/// The checks of what any server needs.
pub fn checks(store: Store, ephemeral: Arc<dyn Ephemeral>) -> Vec<Arc<dyn ReadinessCheck>> {
    vec![Arc::new(DatabaseCheck(store)), Arc::new(Counters(ephemeral))]
}

/// Those of one that belongs to our own authorization server. Trusted issuers beside it have no say:
/// their outages concern their own callers.
pub fn own_checks(
    revocations: Arc<Revocations>,
    jwks: Arc<JwksCache>,
    clock: SharedClock,
) -> Vec<Arc<dyn ReadinessCheck>> {
    vec![Arc::new(Enrolled(revocations, clock)), Arc::new(Keys(jwks))]
}

/// That of one in front of foreign issuers alone: one of them can be relied on.
pub fn foreign_check(trusted: Vec<Arc<TrustedIssuer>>) -> Arc<dyn ReadinessCheck> {
    Arc::new(Trusted(trusted))
}

struct Counters(Arc<dyn Ephemeral>);

#[async_trait]
impl ReadinessCheck for Counters {
    fn name(&self) -> &'static str {
        "ephemeral_store"
    }

    async fn check(&self) -> Result<(), &'static str> {
        self.0.check().await.map_err(|cause| {
            tracing::warn!(%cause, "not ready: the ephemeral store");
            "the ephemeral store does not answer"
        })
    }
}

struct Enrolled(Arc<Revocations>, SharedClock);

#[async_trait]
impl ReadinessCheck for Enrolled {
    fn name(&self) -> &'static str {
        "revocations"
    }

    async fn check(&self) -> Result<(), &'static str> {
        match self.0.state(self.1.now()) {
            FeedState::NotLoaded => Err("not enrolled at the authorization server yet"),
            FeedState::Silent { .. } => Err("the authorization server does not tell what was revoked"),
            FeedState::Fresh => Ok(()),
        }
    }
}

struct Keys(Arc<JwksCache>);

#[async_trait]
impl ReadinessCheck for Keys {
    fn name(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<(), &'static str> {
        let usable = self.0.keys().await;
        usable.map(drop).map_err(|_| "the authorization server's keys cannot be fetched")
    }
}

struct Trusted(Vec<Arc<TrustedIssuer>>);

#[async_trait]
impl ReadinessCheck for Trusted {
    fn name(&self) -> &'static str {
        "trusted_issuers"
    }

    async fn check(&self) -> Result<(), &'static str> {
        for issuer in &self.0 {
            if issuer.is_usable().await {
                return Ok(());
            }
        }
        Err("no trusted issuer can be reached")
    }
}
