//! Step "session": one that is not this principal's does not exist, and only in a session is a client asked anything.

use super::{Caller, Pipeline, request_id};
use crate::{
    mcp::{
        envelope::Kind,
        sessions::{SESSION_HEADER, SessionError},
    },
    refusal::{Refusal, no_such_session_error, nothing_asked_error},
    upstreams::Message,
};
use shared::clock::UnixSeconds;

impl Pipeline {
    /// The session that a request names, if it names one. The messages of a batch name the same.
    pub(super) async fn check_session(
        &self,
        caller: &Caller,
        message: &Message,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let (Some(sessions), Some(id)) = (&self.sessions, message.headers.get(&SESSION_HEADER)) else { return Ok(()) };
        let once = message.headers.get_all(&SESSION_HEADER).iter().nth(1).is_none();
        let owner = caller.identified.token.session_owner();
        let theirs = match id.to_str().ok().filter(|_| once) {
            Some(id) => sessions.touch(id, &owner, now).await.map_err(unknowable)?,
            None => false,
        };
        let missing = || Refusal::NoSuchSession(no_such_session_error().answering(request_id(message)));
        if theirs { Ok(()) } else { Err(missing()) }
    }

    /// Whether the client answers something that it can have been asked.
    pub(super) fn check_asked(&self, message: &Message) -> Result<(), Refusal> {
        let answers = message.envelope.as_ref().is_some_and(|envelope| envelope.kind == Kind::Response);
        if answers && !message.in_session() { Err(Refusal::Protocol(nothing_asked_error())) } else { Ok(()) }
    }
}

/// A session that cannot be looked up may be there: whoever hears 404 forgets it.
pub(super) fn unknowable(cause: SessionError) -> Refusal {
    match &cause {
        SessionError::Store(cause) => tracing::error!(%cause, "sessions cannot be looked up"),
        SessionError::Busy => tracing::warn!(%cause, "a session cannot be had now"),
    }
    Refusal::Unavailable
}
