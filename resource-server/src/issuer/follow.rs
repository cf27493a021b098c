//! The one task that keeps this server and the issuer together: enrol, load the revocations, follow them by polling.
//! Whatever fails is tried again; each change of state is one line in the log.

use super::{enrolment::Enrolment, event_feed::EventFeed, fetch::FetchError};
use crate::bearer::{cache::TokenCache, revocations::Revocations};
use http::StatusCode;
use shared::{
    clock::SharedClock,
    protocol::{
        event_poll::{PollAnswer, PollRequest, SetError},
        security_event::RevocationKind,
    },
    trace::Tracer,
};
use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Between tries: first this long, then twice as long each time, never longer than the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// So long an answer that is on its way is waited for when this server stops.
const LAST_ANSWER: Duration = Duration::from_millis(500);

/// What the task needs.
pub struct Follower {
    /// Writes the resource.
    pub enrolment: Enrolment,
    /// Tells what was revoked.
    pub feed: EventFeed,
    /// Where revocations go.
    pub revocations: Arc<Revocations>,
    /// Emptied when a key is revoked.
    pub cache: TokenCache,
    /// When answers come.
    pub clock: SharedClock,
    /// Each step is a trace of its own.
    pub tracer: Tracer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Starting,
    Following,
    Failing,
}

/// How far the feed was read, and what of the last answer is still to be acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    /// None before the first answer.
    position: Option<String>,
    /// Whether nothing was left then.
    at_the_end: bool,
    /// Events that were taken in.
    taken: Vec<String>,
    /// Events that were not to be believed.
    refused: BTreeMap<String, SetError>,
}

impl Place {
    /// The next poll. Only at the end it may wait: the first ones load what there is.
    fn request(&self) -> PollRequest {
        PollRequest {
            max_events: None,
            return_immediately: !self.at_the_end,
            ack: self.taken.clone(),
            set_errs: self.refused.clone(),
            after: self.position.clone(),
        }
    }

    /// Everything in `answer` was taken in.
    fn moves_on(&mut self, answer: PollAnswer, taken: Vec<String>) {
        let at_the_end = !answer.more_available;
        *self = Self { position: Some(answer.position), at_the_end, taken, refused: BTreeMap::new() };
    }

    /// Something in an answer was not to be believed: the same is asked for again.
    fn stays(&mut self, refused: BTreeMap<String, SetError>) {
        *self = Self { position: self.position.take(), refused, ..Self::default() };
    }
}

impl Follower {
    /// Runs until `stop`. An authorization server that stops at the same time answers the poll that waits there: that much is waited for.
    pub async fn run(self, stop: CancellationToken) {
        let mut following = pin!(self.follow(&stop));
        tokio::select! {
            () = stop.cancelled() => {}
            () = &mut following => return,
        }
        // Whether it comes or not, nothing depends on it any more.
        let _ = tokio::time::timeout(LAST_ANSWER, following).await;
    }

    /// Goes from step to step until `stop`.
    async fn follow(&self, stop: &CancellationToken) {
        let (mut standing, mut pause, mut enrolled) = (Standing::Starting, FIRST_PAUSE, false);
        let mut place = Place::default();
        while !stop.is_cancelled() {
            let span = self.tracer.start_root("follow the authorization server");
            let stepped = span.run(self.step(&mut enrolled, &mut place)).await;
            drop(span);
            match stepped {
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
        // What the answer says was so at some time after this; how long it was on its way, nobody can tell.
        let asked_at = self.clock.now();
        let answer = self.feed.ask(&place.request()).await?;
        let now = self.clock.now();
        let heard = self.feed.hear(&answer).await?;
        self.revocations.apply(&heard.revocations, now);
        let distrusts = |kind| matches!(kind, RevocationKind::Kid | RevocationKind::Unrecognised);
        if heard.revocations.iter().any(|event| distrusts(event.kind)) {
            self.cache.forget_all();
            let keys = heard.revocations.iter().filter(|event| event.kind == RevocationKind::Kid);
            self.feed.jwks.renew(keys.map(|event| event.subject.as_str())).await;
        }
        if !heard.refused.is_empty() {
            place.stays(heard.refused);
            return Err(self.feed.malformed("security events that it signed for this server"));
        }
        place.moves_on(answer, heard.taken);
        if place.at_the_end {
            self.revocations.confirm(asked_at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use shared::protocol::event_poll::{PollAnswer, PollRequest, SetError};
    use std::collections::BTreeMap;

    fn answer(position: &str, more_available: bool) -> PollAnswer {
        PollAnswer { sets: BTreeMap::new(), more_available, position: position.into() }
    }

    #[test]
    fn loads_without_waiting_until_nothing_is_left_and_then_waits() {
        let mut place = Place::default();
        assert_eq!(place.request(), PollRequest { return_immediately: true, ..PollRequest::default() });
        place.moves_on(answer("h.100.x", true), vec!["h.99.x".into()]);
        let next = place.request();
        assert!(next.return_immediately && !place.at_the_end);
        assert_eq!((next.after.as_deref(), next.ack), (Some("h.100.x"), vec!["h.99.x".to_owned()]));
        place.moves_on(answer("h.130.x", false), vec![]);
        let next = place.request();
        assert!(!next.return_immediately && next.ack.is_empty());
    }

    #[test]
    fn what_is_not_believed_is_reported_and_asked_for_again() {
        let mut place = Place::default();
        place.moves_on(answer("h.100.x", false), vec![]);
        let error = SetError { err: "invalid_key".into(), description: String::new() };
        place.stays(BTreeMap::from([("h.101.x".to_owned(), error)]));
        let next = place.request();
        assert_eq!((next.after.as_deref(), next.set_errs.len()), (Some("h.100.x"), 1));
        assert!(next.return_immediately, "it does not count as having heard everything");
    }
}
