//! What a message does to the sessions of its principal: one that it opens is bound, one that it ends forgotten, and what is one too many closed.

use super::{Caller, Pipeline, answer::Outline, check_session::unknowable};
use crate::{
    bearer::verified_token::Place,
    mcp::sessions::{SESSION_HEADER, Sessions},
    refusal::{Refusal, upstream_failed_error},
    upstreams::{Message, UpstreamReply},
};
use http::{HeaderValue, Method, header::HOST};
use shared::{clock::UnixSeconds, http::carried};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Pipeline {
    /// Calls the upstream and keeps book of sessions. What opens one goes on when its client hangs up: between the upstream that has it and
    /// its owner no session is left behind.
    pub(super) async fn call_in_session(
        self: &Arc<Self>,
        caller: &Caller,
        message: Message,
        outline: &Outline,
        place: &Arc<Place>,
        now: UnixSeconds,
    ) -> Result<UpstreamReply, Refusal> {
        if self.sessions.is_none() || !message.initializes() {
            return self.call_and_keep(caller, message, outline, place, now).await;
        }
        let (sender, receiver) = oneshot::channel();
        let (pipeline, caller, outline, place) = (self.clone(), caller.clone(), outline.clone(), place.clone());
        tokio::spawn(carried(async move {
            let opened = pipeline.call_and_keep(&caller, message, &outline, &place, now).await;
            if let Err(Ok(unheard)) = sender.send(opened) {
                pipeline.abandon(&caller, &outline, &unheard).await;
            }
        }));
        receiver.await.unwrap_or_else(|_panicked| Err(Refusal::UpstreamFailed(upstream_failed_error())))
    }

    async fn call_and_keep(
        &self,
        caller: &Caller,
        message: Message,
        outline: &Outline,
        place: &Arc<Place>,
        now: UnixSeconds,
    ) -> Result<UpstreamReply, Refusal> {
        let reply = self.call(caller, message, outline.id.as_ref(), place).await?;
        if let Some(sessions) = &self.sessions {
            self.keep_session(sessions, caller, outline, &reply, now).await?;
        }
        Ok(reply)
    }

    /// Binds a session that was opened to its opener, forgets one that was ended, closes what is over or one too many.
    async fn keep_session(
        &self,
        sessions: &Sessions,
        caller: &Caller,
        outline: &Outline,
        reply: &UpstreamReply,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let owner = || caller.identified.token.session_owner();
        if outline.http_method == Method::DELETE
            && reply.status.is_success()
            && let Some(id) = outline.session.as_ref().and_then(|id| id.to_str().ok())
        {
            sessions.end(id, &owner()).await.map_err(unknowable)?;
        }
        let Some(opened) = opened(reply) else { return Ok(()) };
        match sessions.bind(opened, &owner(), now).await {
            Ok(over) => {
                self.close_sessions(caller, outline, &over).await;
                Ok(())
            }
            Err(cause) => {
                self.close_sessions(caller, outline, &[opened.to_owned()]).await;
                Err(unknowable(cause))
            }
        }
    }

    /// Ends the session of an answer that nobody heard.
    async fn abandon(&self, caller: &Caller, outline: &Outline, unheard: &UpstreamReply) {
        let (Some(sessions), Some(id)) = (&self.sessions, opened(unheard)) else { return };
        if let Err(cause) = sessions.end(id, &caller.identified.token.session_owner()).await {
            tracing::debug!(%cause, "a session that nobody heard of stays bound until it is idle");
        }
        self.close_sessions(caller, outline, &[id.to_owned()]).await;
    }

    async fn close_sessions(&self, caller: &Caller, outline: &Outline, ids: &[String]) {
        for id in ids.iter().filter_map(|id| HeaderValue::from_str(id).ok()) {
            let host = outline.host.clone().map(|host| (HOST, host));
            let headers = host.into_iter().chain([(SESSION_HEADER, id)]).collect();
            let close = Message::of_session(Method::DELETE, headers);
            if let Err(cause) = self.upstream.call(&caller.identified.token.principal, close).await {
                tracing::debug!(%cause, "a session could not be closed");
            }
        }
    }
}

/// The session that an answer opens.
fn opened(reply: &UpstreamReply) -> Option<&str> {
    reply.session_id.as_ref().and_then(|id| id.to_str().ok())
}
