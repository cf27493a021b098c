//! A place among the principal's running calls. When all are taken, what ends one of them still passes: a session is deleted, a call is
//! cancelled, a question that a call asked is answered. Such messages are short, few at a time, and counted like all requests.

use super::{Caller, Pipeline, read_message::Incoming};
use crate::{
    bearer::verified_token::Place,
    mcp::{envelope::Kind, sessions::SESSION_HEADER},
    refusal::Refusal,
};
use http::{Method, request::Parts};
use std::sync::Arc;

/// So many of them are read at a time for one principal.
const ASIDE_MAX: u32 = 2;

/// What a request got.
pub(super) enum Taken {
    /// A place among the calls.
    Call(Arc<Place>),
    /// A place beside them, for what ends one.
    Aside(Arc<Place>),
}

impl Pipeline {
    /// A place for a request whose body is not read yet.
    pub(super) fn take_place(&self, caller: &Caller, parts: &Parts) -> Result<Taken, Refusal> {
        let share = &caller.identified.token.share;
        if let Some(place) = share.enter(self.limits.concurrent_calls) {
            return Ok(Taken::Call(place));
        }
        let in_session = self.sessions.is_some() && parts.headers.contains_key(SESSION_HEADER);
        let aside = if in_session { share.step_aside(ASIDE_MAX) } else { None };
        aside.map(Taken::Aside).ok_or(Refusal::TooManyCalls)
    }
}

impl Taken {
    /// The place, if what came may have it.
    pub(super) fn of(self, incoming: &Incoming) -> Result<Arc<Place>, Refusal> {
        match self {
            Self::Call(place) => Ok(place),
            Self::Aside(place) if ends_something(incoming) => Ok(place),
            Self::Aside(_) => Err(Refusal::TooManyCalls.answering(incoming.request_id())),
        }
    }
}

fn ends_something(incoming: &Incoming) -> bool {
    let Incoming::One(message) = incoming else { return false };
    message.envelope.as_ref().map_or(message.http_method == Method::DELETE, |envelope| match envelope.kind {
        Kind::Response => true,
        Kind::Notification => &*envelope.method == "notifications/cancelled",
        Kind::Request(_) => false,
    })
}
