//! Legacy sessions of servers written on rmcp, which keeps each of them in one process: a worker with its running calls. Here an answer outlives
//! the connection that was to carry it, and where several processes share what may vanish, a session is at home at all of them.

mod local_session;
mod response_cache;
mod shared_sessions;
mod transport;

use crate::{
    mcp::{envelope::Kind, sessions::SESSION_HEADER},
    upstreams::Message,
    weak_map::WeakMap,
};
use futures_util::{Stream, StreamExt as _, stream};
use local_session::{Listening, LocalSession};
use response_cache::{Kept, ResponseCache};
use rmcp::{
    ErrorData,
    model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage},
    transport::streamable_http_server::session::{
        RestoreOutcome, ServerSseMessage, SessionId, SessionManager, SessionStore,
        local::{self, LocalSessionHandle, LocalSessionManager, LocalSessionManagerError as Error},
    },
};
use serde::Deserialize;
use shared::{
    clock::SharedClock,
    ephemeral::{Ephemeral, EphemeralError},
    http::carried,
};
pub(super) use shared_sessions::PostError;
use shared_sessions::{SharedSessions, Whose};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use transport::SessionTransport;

/// A longer `initialize` is refused: what it says stays in memory as long as its session, and where other processes find it.
pub(super) const HANDSHAKE_MAX_BYTES: usize = 16 * 1024;
/// How often a process looks for the answer to a call of another one.
const ANSWER_LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it looks which of its sessions were ended elsewhere though nothing of them runs here.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

const ID_IN_USE: &str = "Invalid Request: a request with this id is still running in this session";

/// How sessions are kept.
#[derive(Clone)]
pub struct SessionSettings {
    /// A session leaves the memory of a process after this long without a message there.
    pub idle: Duration,
    /// It is over after this many seconds.
    pub lifetime_seconds: u32,
    /// A call takes no longer.
    pub call_time: Duration,
    /// Where answers are kept that may not have arrived.
    pub ephemeral: Arc<dyn Ephemeral>,
    /// Where several processes share that.
    pub process: Option<SharingProcess>,
}

/// One process of several.
#[derive(Clone)]
pub struct SharingProcess {
    /// What the others know it by.
    pub name: String,
    /// Time.
    pub clock: SharedClock,
}

/// The sessions that live in this process.
pub(super) struct LegacySessions {
    local: LocalSessionManager,
    here: Mutex<HashMap<SessionId, Arc<LocalSession>>>,
    answers: ResponseCache,
    shared: Option<Arc<SharedSessions>>,
    call_time: Duration,
    /// One request at a time brings a session back: rmcp fails where two bring back the same.
    restoring: WeakMap<SessionId, tokio::sync::Mutex<()>>,
    /// These, for what goes on when a request is given up.
    this: Weak<Self>,
}

type Events = Pin<Box<dyn Stream<Item = ServerSseMessage> + Send + Sync>>;

impl LegacySessions {
    pub(super) fn new(settings: &SessionSettings) -> Arc<Self> {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(settings.idle);
        Arc::new_cyclic(|this| Self {
            local,
            here: Mutex::default(),
            answers: ResponseCache::new(settings.ephemeral.clone()),
            shared: settings.process.as_ref().map(|process| {
                Arc::new(SharedSessions::new(settings.ephemeral.clone(), process.clone(), settings.lifetime_seconds))
            }),
            call_time: settings.call_time,
            restoring: WeakMap::default(),
            this: this.clone(),
        })
    }

    /// What rmcp asks for a session that does not live here.
    pub(super) fn store(&self) -> Option<Arc<dyn SessionStore>> {
        self.shared.clone().map(|shared| shared as Arc<dyn SessionStore>)
    }

    /// How many live here.
    pub(super) fn count(&self) -> usize {
        self.locked().len()
    }

    /// Ends what was ended elsewhere, until `stop`.
    pub(super) fn sweep(self: &Arc<Self>, stop: CancellationToken) {
        let Some(shared) = self.shared.clone() else { return };
        let held = Arc::downgrade(self);
        let sweep = async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                let Some(sessions) = held.upgrade() else { return };
                let ids: Vec<SessionId> = sessions.locked().keys().cloned().collect();
                for id in ids {
                    if matches!(shared.exists(&id).await, Ok(false)) {
                        let _closed = sessions.close_session(&id).await;
                    }
                }
            }
        };
        tokio::spawn(async move { stop.run_until_cancelled(sweep).await });
    }

    /// Hands `message` to the process that waits for it, where that is another one. Whether it did.
    pub(super) async fn hand_over(&self, message: &Message) -> Result<bool, PostError> {
        let (Some(shared), Some(session), Some(envelope)) = (&self.shared, named(message), &message.envelope) else {
            return Ok(false);
        };
        let about = || serde_json::from_slice::<About>(&message.body).unwrap_or_default();
        let theirs = match &envelope.kind {
            Kind::Response => matches!(about().id, Some(RequestId::String(id)) if shared.is_anothers(&id)),
            Kind::Notification if &*envelope.method == "notifications/cancelled" => {
                about().params.request_id.is_some_and(|call| !self.runs(session, &call))
            }
            Kind::Notification | Kind::Request(_) => false,
        };
        if theirs {
            shared.post(session, &message.body).await?;
        }
        Ok(theirs)
    }

    /// Whoever holds this may hand a message for a session to rmcp; `None` where it lives here or nowhere else.
    pub(super) async fn restore_lock(
        &self,
        message: &Message,
    ) -> Result<Option<tokio::sync::OwnedMutexGuard<()>>, EphemeralError> {
        let (Some(shared), Some(session)) = (&self.shared, named(message)) else { return Ok(None) };
        let is_here = || self.locked().contains_key(session);
        if is_here() || !shared.exists(session).await? {
            return Ok(None);
        }
        let alone = self.restoring.get_or_make(&session.into(), |_| tokio::sync::Mutex::default()).lock_owned().await;
        // Whoever had it before may have brought the session back.
        Ok((!is_here()).then_some(alone))
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<LocalSession>>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runs(&self, session: &str, call: &RequestId) -> bool {
        self.locked().get(session).is_some_and(|here| here.runs(call))
    }

    fn register(&self, id: &SessionId, inner: transport::Inner) -> SessionTransport {
        let here = Arc::new(LocalSession::new(id.clone()));
        self.locked().insert(id.clone(), here.clone());
        SessionTransport::new(inner, here, self)
    }

    async fn handle(&self, id: &SessionId) -> Result<(LocalSessionHandle, Arc<LocalSession>), Error> {
        let handle = self.local.sessions.read().await.get(id).cloned();
        let here = self.locked().get(id).cloned();
        handle.zip(here).ok_or_else(|| Error::SessionNotFound(id.clone()))
    }

    /// Event ids are unique among all processes that the session lives in.
    fn marked(&self, events: impl Stream<Item = ServerSseMessage> + Send + Sync + 'static) -> Events {
        match self.shared.clone() {
            None => Box::pin(events),
            Some(shared) => Box::pin(events.map(move |mut event| {
                event.event_id = event.event_id.map(|id| shared.mark(id));
                event
            })),
        }
    }

    /// Where a stream began that is taken up again, if that is another process, and its event there.
    fn origin<'e>(&self, event: &'e str) -> (Option<&'e str>, &'e str) {
        match self.shared.as_ref().map(|shared| shared.whose(event)) {
            None => (None, event),
            Some(Whose::Ours(event) | Whose::Nobodys(event)) => (None, event),
            Some(Whose::Anothers(process, event)) => (Some(process), event),
        }
    }

    /// The answer to a call of another process, when it is there: what that process said before is gone.
    fn wait_for(&self, id: &SessionId, process: &str, event: &str) -> Option<Events> {
        let number = call_number(event)?;
        let (answers, limit) = (self.answers.clone(), self.call_time);
        let (id, process, event) = (id.clone(), process.to_owned(), event.to_owned());
        let (sender, mut receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let look = async {
                loop {
                    match answers.find(&id, &process, number).await {
                        Ok(Kept::Answer(answer)) => return Some(*answer),
                        Ok(Kept::Another) => return None,
                        Ok(Kept::Nothing) | Err(_) => tokio::time::sleep(ANSWER_LOOK_EVERY).await,
                    }
                }
            };
            tokio::select! {
                found = tokio::time::timeout(limit, look) => if let Ok(Some(answer)) = found {
                    let _gone = sender.send(ServerSseMessage::new(format!("{process}.{event}"), answer)).await;
                },
                () = sender.closed() => {}
            }
        });
        Some(Box::pin(stream::poll_fn(move |context| receiver.poll_recv(context))))
    }
}

/// A session whose handshake is not over; it is closed if that is given up.
struct Opening {
    sessions: Weak<LegacySessions>,
    id: SessionId,
    is_open: bool,
}

impl Opening {
    fn end(mut self, is_open: bool) {
        self.is_open = is_open;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let Some(sessions) = self.sessions.upgrade().filter(|_| !self.is_open) else { return };
        let id = self.id.clone();
        tokio::spawn(async move {
            let _closed = sessions.close_session(&id).await;
        });
    }
}

/// What became of a request.
enum Begun {
    /// It runs, and will say this.
    Call(mpsc::Receiver<ServerSseMessage>),
    /// It hears this at once.
    Refused(Box<ServerJsonRpcMessage>),
}

/// Hands a request to the worker of its session. An id is good for one request at a time: rmcp would lose track of the first, and keep it.
async fn begin(
    handle: LocalSessionHandle,
    here: Arc<LocalSession>,
    message: ClientJsonRpcMessage,
) -> Result<Begun, Error> {
    let receiver = handle.establish_request_wise_channel().await?;
    if let (ClientJsonRpcMessage::Request(request), Some(number)) = (&message, receiver.http_request_id)
        && !here.begin(&request.id, number)
    {
        handle.close_request_wise_channel(number).await?;
        let error = ErrorData::invalid_request(ID_IN_USE, None);
        return Ok(Begun::Refused(Box::new(ServerJsonRpcMessage::error(error, Some(request.id.clone())))));
    }
    handle.push_message(message, receiver.http_request_id).await?;
    Ok(Begun::Call(receiver.inner))
}

/// What a message of the client is about.
#[derive(Debug, Default, Deserialize)]
struct About {
    #[serde(default)]
    id: Option<RequestId>,
    #[serde(default)]
    params: Cancelled,
}

#[derive(Debug, Default, Deserialize)]
struct Cancelled {
    #[serde(default, rename = "requestId")]
    request_id: Option<RequestId>,
}

fn named(message: &Message) -> Option<&str> {
    message.headers.get(&SESSION_HEADER)?.to_str().ok()
}

/// rmcp numbers events of calls `INDEX/CALL`, others `INDEX`.
fn call_number(event: &str) -> Option<u64> {
    let (index, call) = event.split_once('/')?;
    index.parse::<u64>().ok().and_then(|_| call.parse().ok())
}

impl SessionManager for LegacySessions {
    type Error = Error;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Error> {
        let (id, inner) = self.local.create_session().await?;
        let transport = self.register(&id, inner);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Error> {
        let opening = Opening { sessions: self.this.clone(), id: id.clone(), is_open: false };
        let answer = self.local.initialize_session(id, message).await;
        opening.end(answer.is_ok());
        answer
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Error> {
        self.local.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Error> {
        self.locked().remove(id);
        self.local.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        let (handle, here) = self.handle(id).await?;
        // In a task of its own: a request that is given up half way would leave an entry that lasts as long as its session.
        let begun = tokio::spawn(carried(begin(handle, here, message))).await;
        let panicked = |_| Err(local::SessionError::SessionServiceTerminated.into());
        Ok(match begun.unwrap_or_else(panicked)? {
            Begun::Call(mut events) => self.marked(stream::poll_fn(move |context| events.poll_recv(context))),
            Begun::Refused(answer) => Box::pin(stream::iter([ServerSseMessage::from_message(*answer)])) as Events,
        })
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Error> {
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        let (handle, here) = self.handle(id).await?;
        let mut receiver = handle.establish_common_channel().await?;
        let listening: Listening = here.listen();
        Ok(self.marked(stream::poll_fn(move |context| {
            let _until_it_ends = &listening;
            receiver.inner.poll_recv(context)
        })))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        let (process, event) = self.origin(&last_event_id);
        if let Some(process) = process {
            return match self.wait_for(id, process, event) {
                Some(events) => Ok(events),
                None => self.create_standalone_stream(id).await.map(|events| Box::pin(events) as Events),
            };
        }
        let cause = match self.local.resume(id, event.to_owned()).await {
            Ok(events) => return Ok(self.marked(events)),
            Err(cause) => cause,
        };
        let own = self.shared.as_ref().map_or("", |shared| shared.name());
        let Some(number) = call_number(event) else { return Err(cause) };
        match self.answers.find(id, own, number).await {
            Ok(Kept::Answer(answer)) => Ok(self.marked(stream::iter([ServerSseMessage::new(event, *answer)]))),
            Ok(Kept::Another | Kept::Nothing) => Err(cause),
            Err(unknown) => {
                tracing::warn!(cause = %unknown, "it is not known what a call was answered");
                Err(cause)
            }
        }
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, Error> {
        Ok(match self.local.restore_session(id.clone()).await? {
            RestoreOutcome::Restored(inner) => RestoreOutcome::Restored(self.register(&id, inner)),
            RestoreOutcome::AlreadyPresent => RestoreOutcome::AlreadyPresent,
            _ => RestoreOutcome::NotSupported,
        })
    }
}

#[cfg(test)]
mod tests;
