//! Between rmcp's worker of a session and the server that answers: every message passes here, whoever still listens.

use super::{
    LegacySessions,
    local_session::LocalSession,
    response_cache::ResponseCache,
    shared_sessions::{Inbox, SharedSessions},
};
use rmcp::{
    RoleServer,
    model::{ClientJsonRpcMessage, ClientNotification, RequestId, ServerJsonRpcMessage, ServerNotification},
    transport::{
        Transport, WorkerTransport,
        streamable_http_server::session::{
            SessionManager as _,
            local::{LocalSessionWorker, LocalSessionWorkerError},
        },
    },
};
use std::sync::{Arc, Weak};
use tokio::time::Instant;

/// What rmcp gives a session.
pub(super) type Inner = WorkerTransport<LocalSessionWorker>;

/// The same with what we know besides.
pub(in crate::upstreams) struct SessionTransport {
    inner: Inner,
    here: Arc<LocalSession>,
    sessions: Weak<LegacySessions>,
    answers: ResponseCache,
    shared: Option<Arc<SharedSessions>>,
    looked_at: Instant,
    /// Up to which message of other processes everything was looked at.
    seen: i64,
}

impl SessionTransport {
    /// The session `here`, which is one of `sessions`.
    pub(super) fn new(inner: Inner, here: Arc<LocalSession>, sessions: &LegacySessions) -> Self {
        let (answers, shared) = (sessions.answers.clone(), sessions.shared.clone());
        Self { inner, here, sessions: sessions.this.clone(), answers, shared, looked_at: Instant::now(), seen: 0 }
    }

    /// What the server says, with questions named so that their answers find back from any process.
    fn mark(&self, mut message: ServerJsonRpcMessage) -> ServerJsonRpcMessage {
        let Some(shared) = &self.shared else { return message };
        match &mut message {
            ServerJsonRpcMessage::Request(question) => {
                self.here.ask(question.id.clone());
                question.id = shared.mark_question(&question.id);
            }
            ServerJsonRpcMessage::Notification(told) => {
                if let ServerNotification::CancelledNotification(cancelled) = &mut told.notification
                    && let Some(question) = &mut cancelled.params.request_id
                {
                    self.here.answered(question);
                    *question = shared.mark_question(question);
                }
            }
            ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_) => {}
        }
        message
    }

    /// What the client says, if it concerns this process.
    fn unmark(&self, mut message: ClientJsonRpcMessage) -> Option<ClientJsonRpcMessage> {
        if let Some(shared) = &self.shared
            && let Some(id) = match &mut message {
                ClientJsonRpcMessage::Response(answer) => Some(&mut answer.id),
                ClientJsonRpcMessage::Error(refusal) => refusal.id.as_mut(),
                ClientJsonRpcMessage::Request(_) | ClientJsonRpcMessage::Notification(_) => None,
            }
        {
            *id = shared.unmark_question(id).filter(|question| self.here.answered(question))?;
        }
        if let Some(call) = cancelled_call(&message) {
            self.here.finish(call);
        }
        Some(message)
    }

    /// Looks what other processes know. Whether the session lives.
    async fn look(&mut self) -> bool {
        let Some(shared) = &self.shared else { return true };
        match shared.inbox(&self.here.id, self.seen).await {
            Ok(Inbox::Over) => return false,
            Ok(Inbox::Messages { messages, last }) => {
                let ours = messages.into_iter().filter(|message| {
                    // What is cancelled elsewhere concerns whoever runs it.
                    cancelled_call(message).is_none_or(|call| self.here.runs(call))
                });
                self.accept(ours.collect());
                self.seen = last;
            }
            Err(cause) => tracing::debug!(%cause, "it is not known what other processes say"),
        }
        self.looked_at = Instant::now();
        true
    }

    /// Takes what arrived elsewhere as if it had arrived here: rmcp's worker keeps what is cancelled until it hears of that itself.
    fn accept(&self, messages: Vec<ClientJsonRpcMessage>) {
        let Some(sessions) = self.sessions.upgrade().filter(|_| !messages.is_empty()) else { return };
        let id = self.here.id.clone();
        // In a task of its own: the worker may be waiting until what it said before is received here.
        tokio::spawn(async move {
            for message in messages {
                if sessions.accept_message(&id, message).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn cancelled_call(message: &ClientJsonRpcMessage) -> Option<&RequestId> {
    let ClientJsonRpcMessage::Notification(told) = message else { return None };
    let ClientNotification::CancelledNotification(cancelled) = &told.notification else { return None };
    cancelled.params.request_id.as_ref()
}

impl Transport<RoleServer> for SessionTransport {
    type Error = LocalSessionWorkerError;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answered = match &message {
            ServerJsonRpcMessage::Response(answer) => Some(&answer.id),
            ServerJsonRpcMessage::Error(refusal) => refusal.id.as_ref(),
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => None,
        };
        let number = answered.and_then(|call| self.here.finish(call));
        let process = self.shared.as_ref().map_or("", |shared| shared.name());
        let keep = number.map(|number| self.answers.keep(&self.here.id, process, number, &message));
        let message = self.mark(message);
        let send = self.inner.send(message);
        async move {
            // Before it is sent: whoever lost it finds it.
            if let Some(keep) = keep {
                keep.await;
            }
            send.await
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            let (here, looks) = (self.here.clone(), self.shared.is_some());
            let every = here.looks_every().filter(|_| looks);
            let look_at = self.looked_at + every.unwrap_or_default();
            tokio::select! {
                message = self.inner.receive() => if let Some(message) = self.unmark(message?) {
                    return Some(message);
                },
                () = tokio::time::sleep_until(look_at), if every.is_some() => if !self.look().await {
                    return None;
                },
                () = here.begun(), if looks => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
