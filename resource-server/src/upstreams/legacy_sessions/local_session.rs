//! What a process knows of a session that lives in it: which calls run, what their client was asked, who listens.

use rmcp::{model::RequestId, transport::streamable_http_server::session::SessionId};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// How often a process looks for what others know of a call or a question of its own.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often where only listeners are open, which hear of nothing but the end.
const LISTENERS_LOOK_EVERY: Duration = Duration::from_secs(3);

/// One session in this process.
pub(super) struct LocalSession {
    pub(super) id: SessionId,
    in_flight: Mutex<InFlight>,
    /// Told when something begins.
    begun: Notify,
}

#[derive(Default)]
struct InFlight {
    /// The number of each running call.
    calls: HashMap<RequestId, u64>,
    questions: HashSet<RequestId>,
    listening: usize,
}

/// A stream that listens, until it is dropped.
pub(super) struct Listening(Arc<LocalSession>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.in_flight().listening -= 1;
    }
}

impl LocalSession {
    pub(super) fn new(id: SessionId) -> Self {
        Self { id, in_flight: Mutex::default(), begun: Notify::new() }
    }

    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call may begin: no other with its id runs.
    pub(super) fn begin(&self, call: &RequestId, number: u64) -> bool {
        match self.in_flight().calls.entry(call.clone()) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(place) => place.insert(number),
        };
        self.begun.notify_one();
        true
    }

    /// The call is over, or given up; its number, if it ran.
    pub(super) fn finish(&self, call: &RequestId) -> Option<u64> {
        self.in_flight().calls.remove(call)
    }

    pub(super) fn runs(&self, call: &RequestId) -> bool {
        self.in_flight().calls.contains_key(call)
    }

    pub(super) fn ask(&self, question: RequestId) {
        self.in_flight().questions.insert(question);
        self.begun.notify_one();
    }

    /// Whether that was asked, and not answered before.
    pub(super) fn answered(&self, question: &RequestId) -> bool {
        self.in_flight().questions.remove(question)
    }

    pub(super) fn listen(self: &Arc<Self>) -> Listening {
        self.in_flight().listening += 1;
        self.begun.notify_one();
        Listening(self.clone())
    }

    /// How often to look for what happens elsewhere; `None` while it concerns nothing here.
    pub(super) fn looks_every(&self) -> Option<Duration> {
        let in_flight = self.in_flight();
        if !in_flight.calls.is_empty() || !in_flight.questions.is_empty() {
            return Some(LOOK_EVERY);
        }
        (in_flight.listening > 0).then_some(LISTENERS_LOOK_EVERY)
    }

    /// Until something begins.
    pub(super) async fn begun(&self) {
        self.begun.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{LISTENERS_LOOK_EVERY, LOOK_EVERY, LocalSession};
    use rmcp::model::RequestId;
    use std::sync::Arc;

    #[test]
    fn who_only_listens_is_looked_after_seldom() {
        let session = Arc::new(LocalSession::new("id".into()));
        assert_eq!(session.looks_every(), None);
        let listening = session.listen();
        assert_eq!(session.looks_every(), Some(LISTENERS_LOOK_EVERY));
        let (call, question) = (RequestId::Number(1), RequestId::Number(2));
        assert!(session.begin(&call, 0) && !session.begin(&call, 1), "one call an id");
        assert_eq!(session.looks_every(), Some(LOOK_EVERY));
        assert_eq!(session.finish(&call), Some(0));
        session.ask(question.clone());
        assert_eq!(session.looks_every(), Some(LOOK_EVERY));
        session.answered(&question);
        assert_eq!(session.looks_every(), Some(LISTENERS_LOOK_EVERY));
        drop(listening);
        assert_eq!(session.looks_every(), None);
    }
}
