//! The one task that keeps this server and the issuer together: enrol, load the revocations, follow them by long poll.
//! Whatever fails is tried again; each change of state is one line in the log.

use super::{
    enrolment::Enrolment,
    fetch::{FetchError, send_for_json},
    jwks::JwksCache,
};
use crate::bearer::{cache::TokenCache, revocations::Revocations};
use http::StatusCode;
use shared::{
    clock::SharedClock,
    protocol::security_event::{RevocationFeed, RevocationKind},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long the issuer may keep a poll open.
pub const POLL_WAIT_SECONDS: u64 = 15;
/// A poll that takes longer than the wait and this is broken.
const POLL_SLACK: Duration = Duration::from_secs(5);
/// Between tries: first this long, then twice as long each time, never longer than the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the task needs.
pub struct Follower {
    /// Writes the resource.
    pub enrolment: Enrolment,
    /// Where revocations go.
    pub revocations: Arc<Revocations>,
    /// Emptied when a key is revoked.
    pub cache: TokenCache,
    /// Renewed when a key is revoked.
    pub jwks: Arc<JwksCache>,
    /// When answers come.
    pub clock: SharedClock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Starting,
    Following,
    Failing,
}

impl Follower {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&self) {
        let (mut standing, mut pause, mut enrolled, mut position) = (Standing::Starting, FIRST_PAUSE, false, None);
        loop {
            match self.step(&mut enrolled, &mut position).await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    if position.is_some() && standing != Standing::Following {
                        standing = Standing::Following;
                        let issuer = &self.enrolment.endpoints.issuer;
                        tracing::info!(%issuer, "enrolled at the authorization server and following its revocations");
                    }
                }
                Err(cause) => {
                    if standing != Standing::Failing {
                        let message = if standing == Standing::Starting {
                            "not ready: the authorization server does not enrol this server yet; trying again"
                        } else {
                            "the authorization server's revocations cannot be followed; trying again"
                        };
                        tracing::warn!(%cause, "{message}");
                        standing = Standing::Failing;
                    }
                    if matches!(
                        cause,
                        FetchError::Refused { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. }
                    ) {
                        self.enrolment.tokens.forget().await;
                        enrolled = false;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The next thing to do: enrol, or poll once.
    async fn step(&self, enrolled: &mut bool, position: &mut Option<i64>) -> Result<(), FetchError> {
        if !*enrolled {
            self.enrolment.enrol().await?;
            *enrolled = true;
            return Ok(());
        }
        let feed = self.poll(*position).await?;
        // A position behind ours is another history (a database that was restored): load all of it again.
        *position = Some(feed.position).filter(|now| position.is_none_or(|before| *now >= before));
        let now = self.clock.now();
        self.revocations.apply(&feed.events, now);
        let distrusts = |kind| matches!(kind, RevocationKind::Kid | RevocationKind::Unrecognised);
        if feed.events.iter().any(|event| distrusts(event.kind)) {
            self.cache.forget_all();
            self.jwks.renew().await;
        }
        Ok(())
    }

    async fn poll(&self, position: Option<i64>) -> Result<RevocationFeed, FetchError> {
        let token = self.enrolment.tokens.token().await?;
        let base = &self.enrolment.endpoints.revocations;
        // The first answer loads what there is; only later ones wait for more.
        let url = match position {
            None => format!("{base}?wait_seconds=0"),
            Some(after) => format!("{base}?after={after}&wait_seconds={POLL_WAIT_SECONDS}"),
        };
        let request = self.enrolment.fetcher.get(&url).bearer_auth(token.expose());
        let request = request.timeout(Duration::from_secs(POLL_WAIT_SECONDS) + POLL_SLACK);
        send_for_json(&url, request, "a feed of revocations").await
    }
}
