//! Over Redis: for several instances. One multiplexed connection that comes back by itself; an unreachable Redis is an
//! error, quickly.

use super::{Count, Ephemeral, EphemeralError, check_key, check_value};
use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult, Script};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// How long an answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
/// How long an operation may take in all, connecting included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(1);

/// The window begins with the first count; a counter without an end is new, or gets one now.
const COUNT: &str = "local count = redis.call('INCRBY', KEYS[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) left = ARGV[1] * 1000 end
return {count, left}";
const COUNTED: &str = "return {redis.call('GET', KEYS[1]) or 0, redis.call('PTTL', KEYS[1])}";
/// `DECR` keeps the end of the window.
const UNCOUNT: &str = "if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
return 0";
/// `GETDEL` for servers before 6.2 too.
const TAKE: &str = "local value = redis.call('GET', KEYS[1])
if value then redis.call('DEL', KEYS[1]) end
return value";

const COMPARE_AND_SET: &str = "local value = redis.call('GET', KEYS[1])
if ARGV[4] == 'absent' then if value then return 0 end elseif value ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1";

/// Keys of one installation in one Redis.
pub struct RedisEphemeral {
    client: Client,
    manager: RwLock<ConnectionManager>,
    prefix: String,
    count: Script,
    counted: Script,
    uncount: Script,
    take: Script,
    compare_and_set: Script,
}

impl RedisEphemeral {
    /// Prepares the connection; it is made at the first use, so that a server starts before its Redis does. `prefix`
    /// keeps installations apart that share a Redis.
    ///
    /// # Errors
    /// [`EphemeralError::Unavailable`] for a URL that cannot be used; it is not shown, since it may hold a password.
    pub fn connect(url: &str, prefix: &str) -> Result<Self, EphemeralError> {
        let unusable =
            |error: RedisError| EphemeralError::Unavailable(format!("its URL cannot be used: {}", error.category()));
        let client = Client::open(url).map_err(unusable)?;
        let manager = RwLock::new(manager(&client).map_err(unusable)?);
        Ok(Self {
            client,
            manager,
            prefix: prefix.to_owned(),
            count: Script::new(COUNT),
            counted: Script::new(COUNTED),
            uncount: Script::new(UNCOUNT),
            take: Script::new(TAKE),
            compare_and_set: Script::new(COMPARE_AND_SET),
        })
    }

    fn value_key(&self, key: &str) -> Result<String, EphemeralError> {
        check_key(key)?;
        Ok(format!("{}:value:{key}", self.prefix))
    }

    fn counter_key(&self, key: &str) -> Result<String, EphemeralError> {
        check_key(key)?;
        Ok(format!("{}:count:{key}", self.prefix))
    }

    async fn run<T>(
        &self,
        operation: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, EphemeralError> {
        let mut manager = self.manager.read().unwrap_or_else(PoisonError::into_inner).clone();
        let outcome = tokio::time::timeout(OPERATION_TIMEOUT, operation(&mut manager)).await;
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.renew_after(&error);
                Err(EphemeralError::Unavailable(describe(&error)))
            }
            Err(_) => Err(EphemeralError::Unavailable("no answer in time".to_owned())),
        }
    }

    /// The manager connects again after an I/O error only; where the set-up of a connection was refused (still loading,
    /// password being changed) it would repeat that refusal for ever, so it is replaced.
    fn renew_after(&self, error: &RedisError) {
        if error.is_io_error() || error.is_timeout() {
            return;
        }
        if let Ok(fresh) = manager(&self.client) {
            *self.manager.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(RESPONSE_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        // The next request tries again: nobody waits for a back-off.
        .set_number_of_retries(0);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// The kind of error and what the server says, without what we sent.
fn describe(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), _) => format!("Redis answers {code}"),
        (None, Some(detail)) => format!("{}: {detail}", error.category()),
        (None, None) => error.category().to_owned(),
    }
}

fn reset_seconds(milliseconds: i64) -> u32 {
    u32::try_from((milliseconds.max(1) - 1) / 1000 + 1).unwrap_or(u32::MAX)
}

#[async_trait]
impl Ephemeral for RedisEphemeral {
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), EphemeralError> {
        let key = self.value_key(key)?;
        check_value(value)?;
        let mut command = redis::cmd(if ttl_seconds == 0 { "DEL" } else { "SET" });
        command.arg(key);
        if ttl_seconds > 0 {
            command.arg(value).arg("EX").arg(ttl_seconds);
        }
        self.run(async |manager| command.exec_async(manager).await).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
        let key = self.value_key(key)?;
        self.run(async |manager| redis::cmd("GET").arg(key).query_async(manager).await).await
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
        let key = self.value_key(key)?;
        self.run(async |manager| self.take.key(key).invoke_async(manager).await).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
        ttl_seconds: u32,
    ) -> Result<bool, EphemeralError> {
        let key = self.value_key(key)?;
        check_value(new)?;
        let (known, kept) = old.map_or(("absent", &b""[..]), |old| ("kept", old));
        let mut call = self.compare_and_set.key(key);
        call.arg(kept).arg(new).arg(ttl_seconds.max(1)).arg(known);
        self.run(async |manager| call.invoke_async(manager).await).await
    }

    async fn count(&self, key: &str, times: u32, window_seconds: u32) -> Result<Count, EphemeralError> {
        let key = self.counter_key(key)?;
        let window_seconds = window_seconds.max(1);
        let (count, left): (u64, i64) = self
            .run(async |manager| self.count.key(key).arg(window_seconds).arg(times).invoke_async(manager).await)
            .await?;
        Ok(Count { count, reset_seconds: reset_seconds(left) })
    }

    async fn uncount(&self, key: &str) -> Result<(), EphemeralError> {
        let key = self.counter_key(key)?;
        let _: u64 = self.run(async |manager| self.uncount.key(key).invoke_async(manager).await).await?;
        Ok(())
    }

    async fn counted(&self, key: &str) -> Result<Option<Count>, EphemeralError> {
        let key = self.counter_key(key)?;
        let (count, left): (u64, i64) =
            self.run(async |manager| self.counted.key(key).invoke_async(manager).await).await?;
        Ok((count > 0).then(|| Count { count, reset_seconds: reset_seconds(left) }))
    }

    async fn check(&self) -> Result<(), EphemeralError> {
        self.run(async |manager| redis::cmd("PING").exec_async(manager).await).await
    }
}

#[cfg(test)]
mod tests {
    use super::{RedisEphemeral, reset_seconds};

    #[tokio::test]
    async fn an_unusable_url_is_refused_without_being_shown() {
        for url in ["", "nonsense:hunter2", "http://:hunter2@localhost", "redis://:hunter2@host:99999999"] {
            let shown = RedisEphemeral::connect(url, "test").err().unwrap().to_string();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn the_end_of_a_window_is_never_now() {
        assert_eq!([0, 1, 999, 1_000, 1_001, -2].map(reset_seconds), [1, 1, 1, 1, 2, 1]);
    }
}
