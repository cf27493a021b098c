//! A document of an issuer, held: one fetch in flight, renewed behind the caller's back, used beyond its freshness within a bound, and after
//! a failure not asked for over and over.

use super::fetch::{FetchError, patiently};
use shared::{
    clock::{SharedClock, UnixSeconds},
    http::carried,
};
use std::sync::{Arc, PoisonError, RwLock};

/// How long a document counts.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// It is used this long without asking again.
    pub fresh_seconds: i64,
    /// If it cannot be renewed, it is used this long.
    pub usable_seconds: i64,
    /// After a failure nobody asks again for this long while there is something to use.
    pub pause_seconds: i64,
    /// And for this long while there is nothing.
    pub empty_pause_seconds: i64,
}

/// One document, as whoever fetches it reads it. A reading is cheap to clone.
pub struct HeldDocument<T> {
    url: String,
    freshness: Freshness,
    clock: SharedClock,
    current: RwLock<Held<T>>,
    in_flight: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held<T> {
    document: Option<(T, UnixSeconds)>,
    /// Since the last that could be had.
    failed: Option<(FetchError, UnixSeconds)>,
}

impl<T: Clone + Send + Sync + 'static> HeldDocument<T> {
    /// Nothing fetched yet. `url` names it in the log and in errors.
    pub fn new(url: String, freshness: Freshness, clock: SharedClock) -> Self {
        let current = RwLock::new(Held { document: None, failed: None });
        Self { url, freshness, clock, current, in_flight: tokio::sync::Mutex::default() }
    }

    /// The document, which `fetch` brings when it is needed. An old one is renewed behind the caller's back; the caller waits only when there is
    /// none, or when nobody knows how old it is because the clock was set back.
    ///
    /// # Errors
    /// [`FetchError`] when there is none and none can be fetched; after a failure the one of then.
    pub async fn get<F>(self: &Arc<Self>, fetch: impl FnOnce() -> F) -> Result<T, FetchError>
    where
        F: Future<Output = Result<T, FetchError>> + Send + 'static,
    {
        let (held, now) = (self.held(), self.clock.now());
        let Some((document, age)) = self.usable(&held, now) else {
            let renewal = self.clone().renew(fetch());
            return patiently(renewal).await.unwrap_or_else(|| Err(FetchError::Late { url: self.url.clone() }));
        };
        if age >= self.freshness.fresh_seconds && self.pause(&held, now).is_none() && self.in_flight.try_lock().is_ok()
        {
            tokio::spawn(carried(self.clone().renew(fetch())));
        }
        Ok(document)
    }

    /// Fetches, unless somebody else did meanwhile or just failed to.
    async fn renew(self: Arc<Self>, fetch: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let _flight = self.in_flight.lock().await;
        let (held, now) = (self.held(), self.clock.now());
        match (self.usable(&held, now), self.pause(&held, now)) {
            (Some((document, age)), pause) if age < self.freshness.fresh_seconds || pause.is_some() => {
                return Ok(document);
            }
            (None, Some(cause)) => return Err(cause.clone()),
            _ => {}
        }
        let fetched = fetch.await;
        let after = match &fetched {
            Ok(document) => {
                if held.failed.is_some() {
                    tracing::info!(url = self.url, "a document of an issuer can be used again");
                }
                Held { document: Some((document.clone(), now)), failed: None }
            }
            Err(cause) => {
                if held.failed.is_none() {
                    tracing::warn!(url = self.url, %cause, "a document of an issuer cannot be used");
                }
                Held { failed: Some((cause.clone(), self.clock.now())), ..held }
            }
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = after;
        fetched
    }

    fn held(&self) -> Held<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What may be used, and its age in seconds.
    fn usable(&self, held: &Held<T>, now: UnixSeconds) -> Option<(T, i64)> {
        let (document, fetched_at) = held.document.as_ref()?;
        let age = now - fetched_at;
        (0..self.freshness.usable_seconds).contains(&age).then(|| (document.clone(), age))
    }

    /// The failure after which nobody asks yet.
    fn pause<'h>(&self, held: &'h Held<T>, now: UnixSeconds) -> Option<&'h FetchError> {
        let Freshness { pause_seconds, empty_pause_seconds, .. } = self.freshness;
        let pause = if self.usable(held, now).is_some() { pause_seconds } else { empty_pause_seconds };
        held.failed.as_ref().filter(|(_, at)| (0..pause).contains(&(now - at))).map(|(cause, _)| cause)
    }
}

#[cfg(test)]
mod tests {
    use super::{FetchError, Freshness, HeldDocument};
    use crate::test_clock::TestClock;
    use shared::clock::UnixSeconds;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    };

    const FRESHNESS: Freshness =
        Freshness { fresh_seconds: 100, usable_seconds: 1000, pause_seconds: 50, empty_pause_seconds: 5 };

    /// An issuer whose document is the number of the fetch.
    struct Stage {
        clock: Arc<TestClock>,
        held: Arc<HeldDocument<u32>>,
        fetches: Arc<AtomicU32>,
        is_broken: Arc<AtomicBool>,
    }

    /// What is wrong with that fetch.
    fn broken(number: u32) -> FetchError {
        FetchError::Unreachable { url: "u".to_owned(), cause: format!("fetch {number}") }
    }

    impl Stage {
        fn new() -> Self {
            let clock = Arc::new(TestClock::default());
            let held = Arc::new(HeldDocument::new("u".to_owned(), FRESHNESS, clock.clone()));
            Self { clock, held, fetches: Arc::default(), is_broken: Arc::default() }
        }

        async fn get_at(&self, now: UnixSeconds) -> Option<u32> {
            self.try_at(now).await.ok()
        }

        async fn try_at(&self, now: UnixSeconds) -> Result<u32, FetchError> {
            self.clock.set(now);
            let (fetches, is_broken) = (self.fetches.clone(), self.is_broken.clone());
            let fetch = || async move {
                let number = fetches.fetch_add(1, SeqCst) + 1;
                if is_broken.load(SeqCst) { Err(broken(number)) } else { Ok(number) }
            };
            let got = self.held.get(fetch).await;
            // Whatever was begun behind the caller's back is done when the lock of the flight comes round.
            tokio::task::yield_now().await;
            drop(self.held.in_flight.lock().await);
            got
        }

        fn fetches(&self) -> u32 {
            self.fetches.load(SeqCst)
        }
    }

    #[tokio::test]
    async fn an_old_document_is_renewed_behind_the_callers_back_and_used_within_a_bound() {
        let stage = Stage::new();
        assert_eq!((stage.get_at(0).await, stage.get_at(99).await, stage.fetches()), (Some(1), Some(1), 1));
        assert_eq!(stage.get_at(100).await, Some(1), "nobody waits for the next one");
        assert_eq!((stage.get_at(101).await, stage.fetches()), (Some(2), 2));
        stage.is_broken.store(true, SeqCst);
        assert_eq!((stage.get_at(300).await, stage.fetches()), (Some(2), 3));
        assert_eq!((stage.get_at(349).await, stage.fetches()), (Some(2), 3), "not over and over");
        assert_eq!((stage.get_at(350).await, stage.fetches()), (Some(2), 4));
        assert_eq!((stage.get_at(1099).await, stage.get_at(1100).await), (Some(2), None), "and no longer than that");
        stage.is_broken.store(false, SeqCst);
        assert_eq!((stage.get_at(1103).await, stage.get_at(1105).await), (None, Some(6)), "asked again after a pause");
        assert_eq!(stage.get_at(0).await, Some(7), "nobody knows how old it is when the clock was set back");
    }

    #[tokio::test]
    async fn while_nobody_asks_again_the_answer_is_what_went_wrong() {
        let stage = Stage::new();
        stage.is_broken.store(true, SeqCst);
        let seen = (stage.try_at(0).await, stage.try_at(4).await, stage.try_at(5).await);
        assert_eq!(seen, (Err(broken(1)), Err(broken(1)), Err(broken(2))));
    }

    #[tokio::test]
    async fn those_who_come_together_wait_for_one_fetch() {
        let stage = Stage::new();
        let got = futures_util::future::join_all((0..20).map(|_| stage.get_at(7))).await;
        assert_eq!((got, stage.fetches()), (vec![Some(1); 20], 1));
    }
}
