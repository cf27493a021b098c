//! Questions about tokens on their way to one issuer: one for all who wait for the same answer, a few at a time, and none for a moment after
//! a failure.

use super::fetch::{PATIENCE, patiently};
use crate::{bearer::cache::TokenDigest, weak_map::WeakMap};
use shared::{clock::SharedClock, metrics::Counter};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// So many questions may be on the way to an issuer at a time.
pub const QUESTIONS_AT_ONCE: usize = 32;
/// After a failure nobody asks again for this long.
pub const FAILURE_PAUSE_SECONDS: i64 = 1;
const NEVER: i64 = i64::MIN;

/// How often an issuer was to be asked about a token.
#[derive(Debug, Default)]
pub struct Asked {
    /// And was not, because its answer was remembered.
    pub remembered: Counter,
    /// And answered.
    pub answered: Counter,
    /// And could not be, or said nothing that could be used.
    pub failed: Counter,
}

/// Those to one issuer; its answers are `T`.
pub struct Questions<T> {
    clock: SharedClock,
    on_the_way: WeakMap<TokenDigest, OnceCell<T>>,
    places: Semaphore,
    failed_at: AtomicI64,
    /// How they went.
    pub asked: Asked,
}

impl<T: Clone + Send + Sync + 'static> Questions<T> {
    /// None asked yet.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            on_the_way: WeakMap::default(),
            places: Semaphore::new(QUESTIONS_AT_ONCE),
            failed_at: AtomicI64::new(NEVER),
            asked: Asked::default(),
        }
    }

    /// What `question` brings about the token with this digest, or what somebody else's brings who asks the same just now. A question that was begun
    /// goes on when its caller gives up, so that nobody asks the same beside it. `None` when that takes longer than [`PATIENCE`].
    ///
    /// # Errors
    /// That of `question`, which counts for this caller alone: the next of those who wait asks in its turn.
    pub async fn once<E: Send + 'static>(
        self: &Arc<Self>,
        digest: TokenDigest,
        question: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Option<Result<T, E>> {
        let answer = self.on_the_way.get_or_make(&digest, |_| OnceCell::new());
        let questions = self.clone();
        let asking = async move {
            let mut has_asked = false;
            let ask = || {
                has_asked = true;
                question
            };
            let answer = answer.get_or_try_init(ask).await.cloned();
            if has_asked && answer.is_ok() {
                questions.on_the_way.forget(&digest);
            }
            answer
        };
        patiently(asking).await
    }

    /// A place among those on the way. `None` when there is none in time, or when the issuer failed a moment ago.
    pub async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let place = tokio::time::timeout(PATIENCE, self.places.acquire()).await.ok()?.ok()?;
        (!self.is_paused()).then_some(place)
    }

    /// The issuer answered. Whether it had failed before.
    pub fn succeeded(&self) -> bool {
        self.failed_at.swap(NEVER, Ordering::AcqRel) != NEVER
    }

    /// The issuer failed: nobody asks for a moment. Whether it had answered before.
    pub fn failed(&self) -> bool {
        self.failed_at.swap(self.clock.now(), Ordering::AcqRel) == NEVER
    }

    fn is_paused(&self) -> bool {
        let failed_at = self.failed_at.load(Ordering::Acquire);
        failed_at != NEVER && (0..FAILURE_PAUSE_SECONDS).contains(&(self.clock.now() - failed_at))
    }
}
