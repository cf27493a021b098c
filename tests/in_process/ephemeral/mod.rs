//! The contract of the ephemeral store: the same on both backends.

mod outages;

use crate::manual_clock::ManualClock;
use shared::ephemeral::{Ephemeral, EphemeralError, MAX_KEY_BYTES, MAX_VALUE_BYTES, MemoryEphemeral, RedisEphemeral};
use shared::random::{SystemRandom, random_id};
use shared::rate_limit::{Limit, RateLimiter};
use std::sync::Arc;
use std::time::Duration;
use system_tests::{poll, redis};
use tokio::task::JoinSet;

const DEADLINE: Duration = Duration::from_secs(20);

/// A store, and how time passes for it.
struct Backend {
    store: Arc<dyn Ephemeral>,
    clock: Option<Arc<ManualClock>>,
}

impl Backend {
    /// In memory, under a clock that is moved.
    fn memory() -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        Self { store: Arc::new(MemoryEphemeral::new(clock.clone())), clock: Some(clock) }
    }

    /// Over a real Redis, under its own clock.
    async fn redis() -> anyhow::Result<Self> {
        let store = RedisEphemeral::connect(redis::shared().await?, &random_id(&SystemRandom))?;
        Ok(Self { store: Arc::new(store), clock: None })
    }

    /// Moves the clock where it can be moved; elsewhere whoever calls polls.
    fn pass(&self, seconds: i64) {
        if let Some(clock) = &self.clock {
            clock.advance(seconds);
        }
    }
}

/// One test for each rule and backend.
macro_rules! contract {
    ($($rule:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $rule() -> anyhow::Result<()> {
                super::$rule(super::Backend::memory()).await
            })+
        }

        mod redis_server {
            $(#[tokio::test]
            async fn $rule() -> anyhow::Result<()> {
                super::$rule(super::Backend::redis().await?).await
            })+
        }
    };
}

contract!(
    keeps_bytes_until_they_are_replaced_or_removed,
    takes_once,
    takes_once_under_32_racers,
    replaces_what_it_was_thought_to_be,
    is_replaced_once_under_32_racers,
    counts_exactly_under_64_racers,
    a_window_begins_with_the_first_count,
    a_count_can_be_taken_back,
    values_expire,
    counters_and_values_share_nothing,
    refuses_what_is_too_large,
    limits_requests,
    is_ready,
);

async fn keeps_bytes_until_they_are_replaced_or_removed(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    assert_eq!(store.get("k").await?, None);
    for value in [&b"one"[..], b"", b"\0\xff\r\n", &[7; MAX_VALUE_BYTES]] {
        store.put("k", value, 60).await?;
        assert_eq!(store.get("k").await?.as_deref(), Some(value));
    }
    store.put("k", b"gone", 0).await?;
    assert_eq!(store.get("k").await?, None);
    Ok(())
}

async fn takes_once(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    store.put("k", b"", 60).await?;
    assert_eq!(store.take("k").await?, Some(Vec::new()), "also nothing is something");
    assert_eq!(store.take("k").await?, None);
    assert_eq!(store.get("k").await?, None);
    Ok(())
}

async fn replaces_what_it_was_thought_to_be(backend: Backend) -> anyhow::Result<()> {
    let store = &backend.store;
    assert!(!store.compare_and_set("k", Some(b"old"), b"new", 60).await?, "there is nothing");
    assert_eq!(store.get("k").await?, None);
    assert!(store.compare_and_set("k", None, b"", 60).await?);
    assert!(!store.compare_and_set("k", None, b"other", 60).await?, "also nothing is something");
    assert!(store.compare_and_set("k", Some(b""), b"\0\xff", 60).await?);
    for not_it in [&b""[..], b"\0", b"\0\xff "] {
        assert!(!store.compare_and_set("k", Some(not_it), b"other", 60).await?);
    }
    assert_eq!(store.get("k").await?.as_deref(), Some(&b"\0\xff"[..]));
    assert!(store.compare_and_set("k", Some(b"\0\xff"), b"for a moment", 1).await?);
    let gone = || async {
        backend.pass(1);
        store.get("k").await.ok().filter(Option::is_none)
    };
    poll::until("it expires", DEADLINE, gone).await?;
    let too_large = vec![0; MAX_VALUE_BYTES + 1];
    assert!(matches!(store.compare_and_set("k", None, &too_large, 60).await, Err(EphemeralError::TooLarge { .. })));
    Ok(())
}

async fn is_replaced_once_under_32_racers(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    store.put("k", b"old", 60).await?;
    let mut racers = JoinSet::new();
    for number in 0..32_u8 {
        let store = Arc::clone(&store);
        racers.spawn(async move { store.compare_and_set("k", Some(b"old"), &[number], 60).await });
    }
    let won = racers.join_all().await.into_iter().collect::<Result<Vec<bool>, _>>()?;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    Ok(())
}

async fn takes_once_under_32_racers(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    for round in 0..20 {
        let key = format!("round {round}");
        store.put(&key, b"prize", 60).await?;
        let mut racers = JoinSet::new();
        for _ in 0..32 {
            let (store, key) = (Arc::clone(&store), key.clone());
            racers.spawn(async move { store.take(&key).await });
        }
        let mut winners = 0;
        while let Some(outcome) = racers.join_next().await {
            winners += usize::from(outcome??.is_some());
        }
        assert_eq!(winners, 1);
    }
    Ok(())
}

async fn counts_exactly_under_64_racers(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    let mut racers = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&store);
        racers.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..10 {
                seen.push(store.count("k", 1, 600).await?.count);
            }
            Ok::<_, EphemeralError>(seen)
        });
    }
    let mut seen = Vec::new();
    while let Some(outcome) = racers.join_next().await {
        seen.extend(outcome??);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=640).collect::<Vec<u64>>(), "each count was given once");
    Ok(())
}

async fn a_window_begins_with_the_first_count(backend: Backend) -> anyhow::Result<()> {
    let store = &backend.store;
    assert_eq!(store.counted("k").await?, None);
    let first = store.count("k", 1, 2).await?;
    assert_eq!((first.count, first.reset_seconds), (1, 2));
    let looked = store.counted("k").await?.expect("a window is open");
    assert_eq!(looked.count, 1, "looking does not count");
    backend.pass(1);
    let second = store.count("k", 1, 600).await?;
    assert_eq!(second.count, 2);
    assert!((1..=2).contains(&second.reset_seconds), "a later count does not move the end: {second:?}");
    backend.pass(1);
    poll::until("the end of the window", DEADLINE, || async { store.counted("k").await.ok()?.is_none().then_some(()) })
        .await?;
    assert_eq!(store.count("k", 1, 60).await?.count, 1);
    Ok(())
}

async fn a_count_can_be_taken_back(backend: Backend) -> anyhow::Result<()> {
    let store = &backend.store;
    store.uncount("k").await?;
    assert_eq!(store.counted("k").await?, None, "nothing opens no window");
    store.count("k", 1, 600).await?;
    store.count("k", 1, 600).await?;
    store.uncount("k").await?;
    let looked = store.counted("k").await?.expect("a window is open");
    assert_eq!(looked.count, 1);
    assert!((1..=600).contains(&looked.reset_seconds), "the end stays: {looked:?}");
    for _ in 0..3 {
        store.uncount("k").await?;
    }
    assert_eq!(store.count("k", 1, 600).await?.count, 1, "never below nothing");
    Ok(())
}

async fn values_expire(backend: Backend) -> anyhow::Result<()> {
    let store = &backend.store;
    store.put("short", b"x", 1).await?;
    store.put("long", b"x", 600).await?;
    store.put("prolonged", b"x", 1).await?;
    store.put("prolonged", b"y", 600).await?;
    backend.pass(1);
    poll::until("the end of a value", DEADLINE, || async { store.get("short").await.ok()?.is_none().then_some(()) })
        .await?;
    assert_eq!(store.take("short").await?, None);
    assert_eq!(store.get("long").await?.as_deref(), Some(&b"x"[..]));
    assert_eq!(store.get("prolonged").await?.as_deref(), Some(&b"y"[..]));
    Ok(())
}

async fn counters_and_values_share_nothing(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    store.put("k", b"value", 60).await?;
    assert_eq!(store.count("k", 1, 60).await?.count, 1);
    assert_eq!(store.take("k").await?.as_deref(), Some(&b"value"[..]));
    assert_eq!(store.count("k", 1, 60).await?.count, 2);
    Ok(())
}

async fn refuses_what_is_too_large(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    let long_key = "k".repeat(MAX_KEY_BYTES + 1);
    let too_large = |outcome: Result<(), EphemeralError>| matches!(outcome, Err(EphemeralError::TooLarge { .. }));
    assert!(too_large(store.put("k", &[0; MAX_VALUE_BYTES + 1], 60).await));
    assert!(too_large(store.put(&long_key, b"", 60).await));
    assert!(too_large(store.get(&long_key).await.map(drop)));
    assert!(too_large(store.take(&long_key).await.map(drop)));
    assert!(too_large(store.compare_and_set("k", None, &[0; MAX_VALUE_BYTES + 1], 60).await.map(drop)));
    assert!(too_large(store.compare_and_set(&long_key, None, b"", 60).await.map(drop)));
    assert!(too_large(store.count(&long_key, 1, 60).await.map(drop)));
    assert!(too_large(store.counted(&long_key).await.map(drop)));
    assert!(too_large(store.uncount(&long_key).await));
    assert_eq!(store.get("k").await?, None, "nothing of it was kept");
    store.put(&long_key[1..], b"fits", 60).await?;
    Ok(())
}

async fn limits_requests(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    let limiter = RateLimiter::new(store);
    let limit = Limit { requests: 3, window_seconds: 600 };
    for remaining in [2, 1, 0] {
        let decision = limiter.check("requests", "somebody", limit).await?;
        assert_eq!((decision.allowed, decision.remaining), (true, remaining));
    }
    let refused = limiter.check("requests", "somebody", limit).await?;
    assert_eq!((refused.allowed, refused.remaining), (false, 0));
    assert!((1..=600).contains(&refused.reset_seconds));
    assert!(limiter.check("requests", "somebody else", limit).await?.allowed);
    Ok(())
}

async fn is_ready(Backend { store, .. }: Backend) -> anyhow::Result<()> {
    Ok(store.check().await?)
}
