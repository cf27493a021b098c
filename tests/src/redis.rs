//! A real Redis for a test: its own process, unix socket only, nothing on disk.
//!
//! A shell holds the server and the read end of a pipe from this process; when the pipe closes, however this process
//! ended, the shell kills the server and deletes its directory. `POSTERN_TEST_REDIS_URL` is used for [`shared`] when a
//! server runs already; tests that kill their server always start one.

use anyhow::{Context as _, bail};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

use crate::poll;

/// Environment variable with the URL of a server that runs already.
pub const URL_VARIABLE: &str = "POSTERN_TEST_REDIS_URL";

const START_DEADLINE: Duration = Duration::from_secs(30);
const MISSING: &str = "Redis is needed for this test and is not installed: `apt-get install redis-server` \
    (or set POSTERN_TEST_REDIS_URL to a server that may be written to)";

/// Starts the server, waits for this process to let go, kills the server. Argument: the directory of the socket.
const WATCHDOG: &str = r#"
dir=$1
redis-server --port 0 --unixsocket "$dir/redis.sock" --unixsocketperm 700 --save '' --appendonly no --dir "$dir" \
    --daemonize no >"$dir/log" 2>&1 &
server=$!
cat >/dev/null
kill -9 "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -f "$dir/redis.sock"
[ ! -e "$dir/going" ] || rm -rf "$dir"
"#;

static SHARED: OnceCell<(String, Option<RedisServer>)> = OnceCell::const_new();
static NAMED: AtomicU32 = AtomicU32::new(0);

/// A server of this test's own. Dropping it kills it and forgets everything.
#[derive(Debug)]
pub struct RedisServer {
    directory: PathBuf,
    watchdog: Option<Child>,
}

impl RedisServer {
    /// A new, empty server.
    ///
    /// # Errors
    /// Redis is missing (says what to install) or does not start (says why).
    pub async fn start() -> anyhow::Result<Self> {
        let version =
            Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.ok().filter(std::process::ExitStatus::success).context(MISSING)?;
        let number = NAMED.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("postern-test-redis-{}-{number}", std::process::id()));
        // Left by a process that had our number before.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).with_context(|| format!("making {}", directory.display()))?;
        // Whoever kills us must not leave the directory: only `kill`, which means to start again, takes this mark away.
        std::fs::write(directory.join("going"), "")?;
        let mut server = Self { directory, watchdog: None };
        server.start_again().await?;
        Ok(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Kills it (SIGKILL); its URL stays.
    ///
    /// # Errors
    /// None in practice.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        std::fs::remove_file(self.directory.join("going"))?;
        let killed = self.let_go();
        std::fs::write(self.directory.join("going"), "")?;
        killed
    }

    /// Starts it again, empty, under the same URL.
    ///
    /// # Errors
    /// It does not start: says why.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "redis-watchdog"])
            .arg(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        self.watchdog = Some(watchdog);
        let socket = self.socket();
        let answers = poll::until("a Redis that answers", START_DEADLINE, || answers(&socket)).await;
        if answers.is_err() {
            bail!("Redis does not start: {}", std::fs::read_to_string(self.directory.join("log")).unwrap_or_default());
        }
        Ok(())
    }

    /// The keys that match `pattern` (as `KEYS` takes it).
    ///
    /// # Errors
    /// It does not answer.
    pub async fn keys(&self, pattern: &str) -> anyhow::Result<Vec<String>> {
        let mut connection = redis::Client::open(self.url())?.get_multiplexed_async_connection().await?;
        Ok(redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await?)
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("redis.sock")
    }

    fn let_go(&mut self) -> anyhow::Result<()> {
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            watchdog.wait()?;
        }
        Ok(())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Best effort: the shell sees the end of this process too.
        let _ = self.let_go();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn answers(socket: &Path) -> Option<()> {
    let client = redis::Client::open(format!("unix:{}", socket.display())).ok()?;
    let mut connection = client.get_multiplexed_async_connection().await.ok()?;
    redis::cmd("PING").exec_async(&mut connection).await.ok()
}

/// The URL of a server that all tests of this process share: the one that runs already, else one of ours. Tests keep
/// apart by their prefixes.
///
/// # Errors
/// As [`RedisServer::start`].
pub async fn shared() -> anyhow::Result<&'static str> {
    let start = || async {
        if let Ok(url) = std::env::var(URL_VARIABLE) {
            return anyhow::Ok((url, None));
        }
        let server = RedisServer::start().await?;
        Ok((server.url(), Some(server)))
    };
    Ok(&SHARED.get_or_try_init(start).await?.0)
}
