//! A Redis that is not there: quickly an error, never "not found", and back as soon as it is.

use super::DEADLINE;
use shared::ephemeral::{Ephemeral as _, EphemeralError, RedisEphemeral};
use std::time::Duration;
use system_tests::poll;
use system_tests::redis::RedisServer;

/// Longer than any time-out inside.
const QUICKLY: Duration = Duration::from_secs(5);

async fn all_say_unavailable(store: &RedisEphemeral) -> anyhow::Result<()> {
    let outcomes = tokio::time::timeout(QUICKLY, async {
        [
            store.put("k", b"v", 60).await,
            store.get("k").await.map(drop),
            store.take("k").await.map(drop),
            store.compare_and_set("k", None, b"v", 60).await.map(drop),
            store.count("k", 1, 60).await.map(drop),
            store.counted("k").await.map(drop),
            store.uncount("k").await,
            store.check().await,
        ]
    });
    for (number, outcome) in outcomes.await?.into_iter().enumerate() {
        assert!(matches!(outcome, Err(EphemeralError::Unavailable(_))), "operation {number}: {outcome:?}");
    }
    Ok(())
}

async fn recovers(store: &RedisEphemeral) -> anyhow::Result<()> {
    poll::until("a connection again", DEADLINE, || async { store.put("k", b"v", 60).await.ok() }).await?;
    assert_eq!(store.take("k").await?.as_deref(), Some(&b"v"[..]));
    Ok(())
}

#[tokio::test]
async fn a_killed_redis_is_unavailable_and_a_restarted_one_is_used_again() -> anyhow::Result<()> {
    let mut server = RedisServer::start().await?;
    let store = RedisEphemeral::connect(&server.url(), "test")?;
    store.put("kept", b"v", 600).await?;
    for _ in 0..2 {
        server.kill()?;
        all_say_unavailable(&store).await?;
        server.start_again().await?;
        recovers(&store).await?;
    }
    assert_eq!(store.get("kept").await?, None, "it forgets, and nothing may depend on it");
    Ok(())
}

#[tokio::test]
async fn a_server_may_start_before_its_redis() -> anyhow::Result<()> {
    let mut server = RedisServer::start().await?;
    server.kill()?;
    let store = RedisEphemeral::connect(&server.url(), "test")?;
    all_say_unavailable(&store).await?;
    server.start_again().await?;
    recovers(&store).await
}

#[tokio::test]
async fn a_redis_that_hangs_is_unavailable() -> anyhow::Result<()> {
    let server = RedisServer::start().await?;
    let store = RedisEphemeral::connect(&server.url(), "test")?;
    store.check().await?;
    let client = redis::Client::open(server.url())?;
    let mut other = client.get_multiplexed_async_connection().await?;
    // Stops serving everybody else for a while.
    redis::cmd("CLIENT").arg("PAUSE").arg(60_000).arg("ALL").exec_async(&mut other).await?;
    let outcome = tokio::time::timeout(QUICKLY, store.get("k")).await?;
    assert!(matches!(outcome, Err(EphemeralError::Unavailable(_))), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_is_tried_anew() -> anyhow::Result<()> {
    let mut server = RedisServer::start().await?;
    let client = redis::Client::open(server.url())?;
    let mut administrator = client.get_multiplexed_async_connection().await?;
    let password = |value: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("requirepass").arg(value);
        command
    };
    password("another").exec_async(&mut administrator).await?;
    let store = RedisEphemeral::connect(&format!("{}?pass=expected", server.url()), "test")?;
    all_say_unavailable(&store).await?;
    password("expected").exec_async(&mut administrator).await?;
    recovers(&store).await?;
    server.kill()
}
