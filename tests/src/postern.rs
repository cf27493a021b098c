//! The one command, `postern`, as a process on free ports with a data directory of its own.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::poll;
use crate::process::{Ended, Process, Signal, binary, run};

/// A release binary on a busy machine is ready long before.
const READY_WITHIN: Duration = Duration::from_secs(20);
const COMMAND_WITHIN: Duration = Duration::from_secs(20);

/// Where one Postern lives: its folder and its ports, kept over restarts.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    /// Port of the authorization server.
    pub authorization_port: u16,
    /// Port of the resource server.
    pub resource_port: u16,
    mcp_path: &'static str,
    settings: Vec<(String, String)>,
}

impl Home {
    /// A new empty folder and two free ports.
    ///
    /// # Errors
    /// When there is no place for either.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            folder: TempDir::new()?,
            authorization_port: free_port()?,
            resource_port: free_port()?,
            mcp_path: "/mcp",
            settings: Vec::new(),
        })
    }

    /// The same with the MCP endpoint at this path of the resource server.
    ///
    /// # Errors
    /// As [`Home::new`].
    pub fn with_mcp_path(path: &'static str) -> anyhow::Result<Self> {
        Ok(Self { mcp_path: path, ..Self::new()? })
    }

    /// The same with the ports that the documents speak of.
    ///
    /// # Errors
    /// When there is no place for a folder.
    pub fn with_default_ports() -> anyhow::Result<Self> {
        let (authorization_port, resource_port) = (9400, 9500);
        Ok(Self { folder: TempDir::new()?, authorization_port, resource_port, mcp_path: "/mcp", settings: Vec::new() })
    }

    /// Adds a setting to the environment of every command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.into(), value.into()));
    }

    /// The folder that the command runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that the command keeps its state in.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The issuer.
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.authorization_port)
    }

    /// The MCP endpoint: what people type, and the resource, which has no slash at its end.
    pub fn mcp_url(&self) -> String {
        format!("http://localhost:{}{}", self.resource_port, self.mcp_path.trim_end_matches('/'))
    }

    /// The path of its protected resource metadata.
    pub fn metadata_path(&self) -> String {
        format!("/.well-known/oauth-protected-resource{}", self.mcp_path.trim_end_matches('/'))
    }

    /// `postern ARGUMENTS…` in this home, not started yet.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = binary("postern")?;
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("POSTERN__AUTH_SERVER__PUBLIC_URL", self.issuer())
            .env("POSTERN__AUTH_SERVER__LISTEN", format!("127.0.0.1:{0},[::1]:{0}", self.authorization_port))
            .env("POSTERN__RESOURCE_SERVER__PUBLIC_URL", format!("http://localhost:{}", self.resource_port))
            .env("POSTERN__RESOURCE_SERVER__MCP_PATH", self.mcp_path)
            .env("POSTERN__RESOURCE_SERVER__LISTEN", format!("127.0.0.1:{0},[::1]:{0}", self.resource_port));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs `postern ARGUMENTS…` to its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub async fn run(&self, arguments: &[&str], stdin: &str) -> anyhow::Result<Ended> {
        run(self.command(arguments)?, stdin, COMMAND_WITHIN).await
    }

    /// Runs `postern ARGUMENTS… --json` and returns what it printed.
    ///
    /// # Errors
    /// When it fails or prints no JSON.
    pub async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let stdout = self.run(&arguments, "").await?.success().with_context(|| format!("postern {arguments:?}"))?;
        serde_json::from_str(&stdout).with_context(|| format!("postern {arguments:?} printed {stdout}"))
    }

    /// Makes an administrator by the command, without a browser.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn add_administrator(&self, email: &str, password: &str) -> anyhow::Result<()> {
        let arguments = ["user", "add", email, "--password-stdin", "--administrator"];
        self.run(&arguments, &format!("{password}\n")).await?.success().map(drop)
    }

    /// Revokes every grant of a client.
    ///
    /// # Errors
    /// When it has none, or the command fails.
    pub async fn revoke_grants_of(&self, client_id: &str) -> anyhow::Result<()> {
        let grants = self.json(&["grant", "list"]).await?;
        let of_client = |grant: &&Value| grant["client_id"] == client_id;
        let ids =
            grants["items"].as_array().into_iter().flatten().filter(of_client).filter_map(|grant| grant["id"].as_str());
        let ids: Vec<&str> = ids.collect();
        anyhow::ensure!(!ids.is_empty(), "{client_id} has no grant: {grants}");
        for id in ids {
            self.run(&["grant", "revoke", id], "").await?.success()?;
        }
        Ok(())
    }

    /// Starts the servers and waits until both are ready.
    ///
    /// # Errors
    /// When they end or are not ready in time; shows what they wrote.
    pub async fn start(&self) -> anyhow::Result<Postern> {
        let process = Process::spawn(self.command(&[])?)?;
        let mut postern = Postern { process };
        for port in [self.authorization_port, self.resource_port] {
            postern.wait_until_ready(port).await?;
        }
        Ok(postern)
    }
}

/// A running Postern. Dropping it kills it.
#[derive(Debug)]
pub struct Postern {
    /// The process.
    pub process: Process,
}

impl Postern {
    async fn wait_until_ready(&mut self, port: u16) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        let url = format!("http://localhost:{port}/readyz");
        let process = &self.process;
        let ready = poll::until(format!("{url} is ready"), READY_WITHIN, || async {
            if process.ended().is_some() {
                return Some(false);
            }
            let is_ready = client.get(&url).send().await.is_ok_and(|response| response.status().is_success());
            is_ready.then_some(true)
        });
        let is_ready = ready.await.with_context(|| process.log())?;
        anyhow::ensure!(is_ready, "postern ended before it was ready:\n{}", process.log());
        Ok(())
    }

    /// The set-up link: without a terminal it is left in the data directory, for its owner only.
    ///
    /// # Errors
    /// When none appears.
    pub async fn setup_link(&self, home: &Home) -> anyhow::Result<String> {
        let file = home.data().join("setup-link");
        let link = || async {
            let text = std::fs::read_to_string(&file).ok()?;
            let found = text.split_whitespace().find(|word| word.starts_with("http"));
            found.map(str::to_owned)
        };
        poll::until("a set-up link", READY_WITHIN, link).await.with_context(|| self.process.log())
    }

    /// kill -9, and its end.
    ///
    /// # Errors
    /// When it had ended before.
    pub async fn kill(self) -> anyhow::Result<()> {
        self.process.signal(Signal::Kill).await?;
        self.process.end(Duration::from_secs(5)).await.map(drop)
    }

    /// Ctrl-C or what a supervisor sends, and how it ended.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub async fn stop(self, signal: Signal, within: Duration) -> anyhow::Result<Ended> {
        self.process.signal(signal).await?;
        self.process.end(within).await
    }
}

/// A port that nothing listens on, on neither loopback address, and outside the range from which clients' ports are taken.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    const FIRST: u16 = 21_000;
    const COUNT: u16 = 9_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let port = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && TcpListener::bind((Ipv6Addr::LOCALHOST, port)).map_or_else(|error| is_unsupported(&error), |_| true);
        if is_free {
            return Ok(port);
        }
    }
    anyhow::bail!("no port is free")
}

/// A machine without IPv6 has no such address at all.
fn is_unsupported(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrNotAvailable || error.kind() == std::io::ErrorKind::Unsupported
}
