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

/// How far the feed was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    /// None before the first page.
    position: Option<i64>,
    /// Whether nothing was left then.
    at_the_end: bool,
}

impl Place {
    fn after(self, feed: &RevocationFeed) -> Self {
        // A position behind ours is another history (a database that was restored): load all of it again.
        if self.position.is_some_and(|before| feed.position < before) {
            return Self::default();
        }
        Self { position: Some(feed.position), at_the_end: feed.complete }
    }
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
        let (mut standing, mut pause, mut enrolled) = (Standing::Starting, FIRST_PAUSE, false);
        let mut place = Place::default();
        loop {
            match self.step(&mut enrolled, &mut place).await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    if place.at_the_end && standing != Standing::Following {
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
    async fn step(&self, enrolled: &mut bool, place: &mut Place) -> Result<(), FetchError> {
        if !*enrolled {
            self.enrolment.enrol().await?;
            *enrolled = true;
            return Ok(());
        }
        let feed = self.poll(*place).await?;
        *place = place.after(&feed);
        let now = self.clock.now();
        self.revocations.apply(&feed.events, now);
        if place.at_the_end {
            self.revocations.confirm(now);
        }
        let distrusts = |kind| matches!(kind, RevocationKind::Kid | RevocationKind::Unrecognised);
        if feed.events.iter().any(|event| distrusts(event.kind)) {
            self.cache.forget_all();
            self.jwks.renew().await;
        }
        Ok(())
    }

    async fn poll(&self, place: Place) -> Result<RevocationFeed, FetchError> {
        let token = self.enrolment.tokens.token().await?;
        let base = &self.enrolment.endpoints.revocations;
        // The first answers load what there is; only later ones wait for more.
        let wait = if place.at_the_end { POLL_WAIT_SECONDS } else { 0 };
        let url = match place.position {
            None => format!("{base}?wait_seconds={wait}"),
            Some(after) => format!("{base}?after={after}&wait_seconds={wait}"),
        };
        let request = self.enrolment.fetcher.get(&url).bearer_auth(token.expose());
        let request = request.timeout(Duration::from_secs(POLL_WAIT_SECONDS) + POLL_SLACK);
        send_for_json(&url, request, "a feed of revocations").await
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use shared::protocol::security_event::RevocationFeed;

    fn page(position: i64, complete: bool) -> RevocationFeed {
        RevocationFeed { position, complete, events: vec![] }
    }

    #[test]
    fn the_end_is_reached_by_a_complete_page_of_the_same_history() {
        let first = Place::default().after(&page(1000, false));
        assert_eq!(first, Place { position: Some(1000), at_the_end: false });
        let last = first.after(&page(1300, true));
        assert_eq!(last, Place { position: Some(1300), at_the_end: true });
        assert_eq!(last.after(&page(1300, true)), last);
        assert_eq!(last.after(&page(1299, true)), Place::default(), "a restored database is read from its beginning");
    }
}
