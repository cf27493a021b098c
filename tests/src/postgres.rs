//! A real PostgreSQL for a test run, and a database of its own for each test.
//!
//! The first test that asks starts the server: fresh cluster, unix socket only, no fsync. A shell holds it and the read
//! end of a pipe from this process; when the pipe closes, however this process ended, the shell stops the server and
//! deletes its directory. `POSTERN_TEST_POSTGRES_URL` (a role that may create databases) uses a server that runs already.

use anyhow::{Context as _, bail};
use shared::db::{DatabaseUrl, PoolLimits, Schema, Store};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, postgres::PgConnection};
use std::{
    collections::HashSet,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::sync::{Mutex, OnceCell};
use url::Url;

/// Environment variable with the URL of a server that runs already.
pub const URL_VARIABLE: &str = "POSTERN_TEST_POSTGRES_URL";

const START_DEADLINE: Duration = Duration::from_secs(60);
const MISSING: &str = "PostgreSQL is needed for this test and is not installed: `apt-get install postgresql` \
    (or set POSTERN_TEST_POSTGRES_URL to a server whose role may create databases)";

/// Starts the server, waits for this process to end, stops the server. Arguments: directory, binaries, user or "".
const WATCHDOG: &str = r#"
dir=$1; bin=$2; user=$3
as_user() { if [ -n "$user" ]; then setpriv --reuid "$user" --regid "$user" --init-groups "$@"; else "$@"; fi; }
stop() {
    [ ! -f "$1/data/postmaster.pid" ] || as_user "$bin/pg_ctl" -D "$1/data" -m immediate -s stop || true
    rm -rf "$1"
}
# What a killed shell of an earlier run left behind; the name ends in the number of the process that owned it.
for left in "${dir%-*}"-*; do
    [ -d "$left" ] || continue
    kill -0 "${left##*-}" 2>/dev/null || stop "$left"
done
rm -rf "$dir"; mkdir -m 700 "$dir" || exit 1
[ -z "$user" ] || chown "$user" "$dir"
cd "$dir" || exit 1
as_user "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 &&
as_user "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -s -w -t 60 start -o "-c listen_addresses='' \
    -c unix_socket_directories=$dir -c fsync=off -c full_page_writes=off -c max_connections=400 \
    -c shared_buffers=64MB" >>"$dir/log" 2>&1 </dev/null || { cat "$dir/log" "$dir/server.log" >&2; stop "$dir"; exit 1; }
: >"$dir/ready"
cat >/dev/null
cd /
stop "$dir"
"#;

/// The server, while this process lives.
struct Server {
    /// The maintenance database.
    admin: Url,
    /// Its standard input is the pipe: dropping it stops the server.
    _watchdog: Option<Child>,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static TEMPLATES: Mutex<Option<HashSet<String>>> = Mutex::const_new(None);
static NAMED: AtomicU32 = AtomicU32::new(0);

/// A database of one test, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    admin: Url,
    url: Url,
    name: String,
}

impl TestDatabase {
    /// Its URL, for configuration.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Its URL, for [`Store::open`].
    ///
    /// # Errors
    /// None in practice: the URL is one that was connected to.
    pub fn database_url(&self) -> anyhow::Result<DatabaseUrl> {
        Ok(DatabaseUrl::parse(self.url())?)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // A runtime of its own: this one may be ending.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&admin, format!("drop database if exists {name} with (force)")))
        });
        // Best effort: the whole server goes with the process.
        let _ = dropping.join();
    }
}

/// An empty database.
///
/// # Errors
/// PostgreSQL is missing (says what to install) or does not start (says why).
pub async fn empty() -> anyhow::Result<TestDatabase> {
    create(server().await?, "template0").await
}

/// A database with the schemas of `schemas`, migrated once in a run and copied for each test.
///
/// # Errors
/// As [`empty`]; or a migration failed.
pub async fn migrated(schemas: &[&Schema]) -> anyhow::Result<TestDatabase> {
    let server = server().await?;
    let key: Vec<_> = schemas.iter().map(|schema| schema.name()).collect();
    let template = format!("postern_template_{}_{}", std::process::id(), key.join("_"));
    let mut templates = TEMPLATES.lock().await;
    let known = templates.get_or_insert_default();
    if !known.contains(&template) {
        run(&server.admin, format!("drop database if exists {template}")).await?;
        run(&server.admin, format!("create database {template} template template0")).await?;
        let url = DatabaseUrl::parse(named(&server.admin, &template).as_str())?;
        for schema in schemas {
            Store::open(&url, schema, PoolLimits::default()).await?.close().await;
        }
        known.insert(template.clone());
    }
    drop(templates);
    create(server, &template).await
}

async fn create(server: &Server, template: &str) -> anyhow::Result<TestDatabase> {
    let number = NAMED.fetch_add(1, Ordering::Relaxed);
    let name = format!("postern_test_{}_{number}", std::process::id());
    run(&server.admin, format!("drop database if exists {name} with (force)")).await?;
    run(&server.admin, format!("create database {name} template {template}")).await?;
    Ok(TestDatabase { admin: server.admin.clone(), url: named(&server.admin, &name), name })
}

fn named(admin: &Url, database: &str) -> Url {
    let mut url = admin.clone();
    url.set_path(database);
    url
}

async fn run(admin: &Url, sql: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(admin.as_str()).await?;
    // The names in it are made here, of letters, digits and underscores.
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    connection.close().await?;
    Ok(())
}

async fn server() -> anyhow::Result<&'static Server> {
    SERVER.get_or_try_init(start).await
}

async fn start() -> anyhow::Result<Server> {
    if let Ok(url) = std::env::var(URL_VARIABLE) {
        let admin = Url::parse(&url).context(URL_VARIABLE)?;
        PgConnection::connect(admin.as_str()).await.with_context(|| format!("{URL_VARIABLE} cannot be reached"))?;
        return Ok(Server { admin, _watchdog: None });
    }
    let binaries = binaries().context(MISSING)?;
    let directory = std::env::temp_dir().join(format!("postern-test-postgres-{}", std::process::id()));
    let mut watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "postgres-watchdog"])
        .arg(&directory)
        .arg(&binaries)
        .arg(if is_root() { "postgres" } else { "" })
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("starting sh")?;
    wait_until_ready(&mut watchdog, &directory).await?;
    let mut admin = Url::parse("postgres://postgres@localhost/postgres")?;
    admin.query_pairs_mut().append_pair("host", directory.to_str().context("the temporary directory is not UTF-8")?);
    Ok(Server { admin, _watchdog: Some(watchdog) })
}

async fn wait_until_ready(watchdog: &mut Child, directory: &Path) -> anyhow::Result<()> {
    let ready = directory.join("ready");
    let deadline = tokio::time::Instant::now() + START_DEADLINE;
    while !ready.exists() {
        if let Some(status) = watchdog.try_wait()? {
            let mut said = String::new();
            if let Some(mut stderr) = watchdog.stderr.take() {
                std::io::Read::read_to_string(&mut stderr, &mut said)?;
            }
            bail!("PostgreSQL does not start ({status}): {said}");
        }
        if tokio::time::Instant::now() > deadline {
            bail!("PostgreSQL does not start within {} s; see {}", START_DEADLINE.as_secs(), directory.display());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The directory with `initdb` and `postgres`: Debian's newest, else the one on the PATH.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, path)| path.join("initdb").exists())
        .max();
    newest.map(|(_, path)| path).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|path| path.join("initdb").exists() && path.join("postgres").exists())
    })
}

/// `initdb` refuses root.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
