//! What a process knows of a session that lives in it: which calls run, what their client was asked, who listens.

use rmcp::{model::RequestId, transport::streamable_http_server::session::SessionId};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// One session in this process.
pub(super) struct Here {
    pub(super) id: SessionId,
    doing: Mutex<Doing>,
    /// Told when something begins.
    begun: Notify,
}

#[derive(Default)]
struct Doing {
    /// The number of each running call.
    calls: HashMap<RequestId, u64>,
    questions: HashSet<RequestId>,
    listening: usize,
}

/// A stream that listens, until it is dropped.
pub(super) struct Listening(Arc<Here>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.doing().listening -= 1;
    }
}

impl Here {
    pub(super) fn new(id: SessionId) -> Self {
        Self { id, doing: Mutex::default(), begun: Notify::new() }
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, call: RequestId, number: u64) {
        self.doing().calls.insert(call, number);
        self.begun.notify_one();
    }

    /// The call is over, or given up; its number, if it ran.
    pub(super) fn finish(&self, call: &RequestId) -> Option<u64> {
        self.doing().calls.remove(call)
    }

    pub(super) fn runs(&self, call: &RequestId) -> bool {
        self.doing().calls.contains_key(call)
    }

    pub(super) fn ask(&self, question: RequestId) {
        self.doing().questions.insert(question);
        self.begun.notify_one();
    }

    /// Whether that was asked, and not answered before.
    pub(super) fn answered(&self, question: &RequestId) -> bool {
        self.doing().questions.remove(question)
    }

    pub(super) fn listen(self: &Arc<Self>) -> Listening {
        self.doing().listening += 1;
        self.begun.notify_one();
        Listening(self.clone())
    }

    /// Whether anything is under way that what happens elsewhere may concern.
    pub(super) fn is_busy(&self) -> bool {
        let doing = self.doing();
        doing.listening > 0 || !doing.calls.is_empty() || !doing.questions.is_empty()
    }

    /// Until something begins.
    pub(super) async fn begun(&self) {
        self.begun.notified().await;
    }
}
