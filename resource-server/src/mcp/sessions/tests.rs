use super::{SESSION_ID_MAX_BYTES, SessionLimits, Sessions};
use crate::{bearer::principal::PrincipalKey, test_clock::TestClock};
use async_trait::async_trait;
use shared::{
    clock::UnixSeconds,
    ephemeral::{Count, Ephemeral, EphemeralError, MemoryEphemeral},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const LIFETIME: i64 = 86_400;
const MOST: usize = 16;

/// A store that counts what is written to it.
struct Counting {
    inner: MemoryEphemeral,
    written: AtomicUsize,
}

impl Counting {
    fn writes(&self) -> usize {
        self.written.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl Ephemeral for Counting {
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), EphemeralError> {
        self.written.fetch_add(1, Ordering::SeqCst);
        self.inner.put(key, value, ttl_seconds).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
        let kept = self.inner.get(key).await;
        // Others have their turn between a look and what follows from it.
        tokio::task::yield_now().await;
        kept
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
        self.inner.take(key).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
        ttl_seconds: u32,
    ) -> Result<bool, EphemeralError> {
        self.written.fetch_add(1, Ordering::SeqCst);
        self.inner.compare_and_set(key, old, new, ttl_seconds).await
    }

    async fn count(&self, key: &str, times: u32, window_seconds: u32) -> Result<Count, EphemeralError> {
        self.inner.count(key, times, window_seconds).await
    }

    async fn uncount(&self, key: &str) -> Result<(), EphemeralError> {
        self.inner.uncount(key).await
    }

    async fn counted(&self, key: &str) -> Result<Option<Count>, EphemeralError> {
        self.inner.counted(key).await
    }

    async fn check(&self) -> Result<(), EphemeralError> {
        self.inner.check().await
    }
}

/// Sessions in a store whose clock stands at zero: only `now` moves.
fn sessions(idle_seconds: i64) -> (Sessions, Arc<Counting>) {
    let inner = MemoryEphemeral::new(Arc::new(TestClock::default()));
    let store = Arc::new(Counting { inner, written: AtomicUsize::new(0) });
    (of("r", idle_seconds, &store), store)
}

fn of(resource: &str, idle_seconds: i64, store: &Arc<Counting>) -> Sessions {
    let limits = SessionLimits { idle_seconds, lifetime_seconds: LIFETIME, per_principal: MOST };
    Sessions::new(limits, store.clone(), resource.to_owned())
}

fn alice() -> PrincipalKey {
    PrincipalKey::new("i", "alice", "c")
}

async fn touch(sessions: &Sessions, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> bool {
    sessions.touch(id, owner, now).await.expect("a store that answers")
}

async fn bind(sessions: &Sessions, id: &str, owner: &PrincipalKey, now: UnixSeconds) -> Vec<String> {
    sessions.bind(id, owner, now).await.expect("a store that answers")
}

#[tokio::test]
async fn a_session_exists_for_its_owner_alone() {
    let (sessions, store) = sessions(60);
    let (alice, bob) = (alice(), PrincipalKey::new("i", "bob", "c"));
    let other_client = PrincipalKey::new("i", "alice", "d");
    bind(&sessions, "s1", &alice, 100).await;
    assert!(touch(&sessions, "s1", &alice, 101).await);
    assert!(!touch(&sessions, "s1", &bob, 101).await);
    assert!(!touch(&sessions, "s1", &other_client, 101).await);
    assert!(!touch(&sessions, "s2", &alice, 101).await);
    assert!(!touch(&of("another resource", 60, &store), "s1", &alice, 101).await);
    assert!(touch(&of("r", 60, &store), "s1", &alice, 101).await, "another process");
    sessions.end("s1", &bob).await.expect("ended");
    assert!(touch(&sessions, "s1", &alice, 102).await, "nobody else ends it");
    sessions.end("s1", &alice).await.expect("ended");
    assert!(!touch(&sessions, "s1", &alice, 102).await);
    assert!(!touch(&of("r", 60, &store), "s1", &alice, 102).await);
}

#[tokio::test]
async fn ends_when_idle_and_at_its_age() {
    let (sessions, _) = sessions(60);
    bind(&sessions, "s1", &alice(), 0).await;
    assert!(touch(&sessions, "s1", &alice(), 59).await);
    assert!(touch(&sessions, "s1", &alice(), 118).await);
    assert!(!touch(&sessions, "s1", &alice(), 178).await);
    bind(&sessions, "s2", &alice(), 0).await;
    for now in (0..LIFETIME).step_by(59) {
        assert!(touch(&sessions, "s2", &alice(), now).await);
    }
    assert!(!touch(&sessions, "s2", &alice(), LIFETIME).await);
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    let (sessions, store) = sessions(1800);
    bind(&sessions, "s", &alice(), 0).await;
    store.writes();
    assert!(touch(&sessions, "s", &alice(), 60).await);
    assert_eq!(store.writes(), 0);
    assert!(!touch(&sessions, "s", &alice(), 1800).await, "a use within the first minute was not noted");
    bind(&sessions, "t", &alice(), 2000).await;
    store.writes();
    for now in 2000..2600 {
        assert!(touch(&sessions, "t", &alice(), now).await);
    }
    assert!(store.writes() <= 10);
    assert!(touch(&sessions, "t", &alice(), 4300).await);
    assert!(!touch(&sessions, "t", &alice(), 4300 + 1800).await);
}

#[tokio::test]
async fn what_was_ended_meanwhile_is_not_noted_as_used() {
    let (sessions, store) = sessions(60);
    bind(&sessions, "s", &alice(), 0).await;
    let other = of("r", 60, &store);
    let owner = alice();
    let ended = async { other.end("s", &owner).await.expect("ended") };
    // The look is taken before the end, what it leads to comes after.
    tokio::join!(touch(&sessions, "s", &owner, 30), ended);
    assert!(!touch(&sessions, "s", &owner, 31).await);
}

#[tokio::test]
async fn one_too_many_closes_the_idlest() {
    let (sessions, store) = sessions(1000);
    for number in 0..MOST {
        assert!(bind(&sessions, &format!("s{number}"), &alice(), 10).await.is_empty());
    }
    assert!(touch(&sessions, "s0", &alice(), 50).await);
    let elsewhere = of("r", 1000, &store);
    assert_eq!(bind(&elsewhere, "more", &alice(), 60).await, ["s1"]);
    assert!(!touch(&sessions, "s1", &alice(), 60).await);
    assert!(touch(&sessions, "more", &alice(), 60).await);
    assert!(bind(&sessions, "bobs", &PrincipalKey::new("i", "bob", "c"), 60).await.is_empty());
}

#[tokio::test]
async fn those_that_are_over_make_room_and_are_named() {
    let (sessions, _) = sessions(60);
    for number in 0..MOST {
        bind(&sessions, &format!("s{number}"), &alice(), 1000).await;
    }
    assert_eq!(bind(&sessions, "a", &alice(), 1060).await.len(), MOST);
    assert!(bind(&sessions, "b", &alice(), 1061).await.is_empty());
}

#[tokio::test]
async fn there_are_never_too_many_however_many_are_opened_at_once() {
    let (_, store) = sessions(1000);
    let opened = futures_util::future::join_all((0..MOST * 3).map(|number| {
        let store = store.clone();
        async move { of("r", 1000, &store).bind(&format!("s{number}"), &alice(), 10).await.is_ok() }
    }));
    opened.await;
    let sessions = of("r", 1000, &store);
    let mut living = 0;
    for number in 0..MOST * 3 {
        living += usize::from(touch(&sessions, &format!("s{number}"), &alice(), 11).await);
    }
    assert!((1..=MOST).contains(&living), "{living}");
}

#[tokio::test]
async fn an_id_that_is_too_long_is_nobodys() {
    let (sessions, _) = sessions(60);
    let long = "s".repeat(SESSION_ID_MAX_BYTES + 1);
    assert_eq!(bind(&sessions, &long, &alice(), 0).await, [long.as_str()]);
    assert!(!touch(&sessions, &long, &alice(), 0).await);
}
