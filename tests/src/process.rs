//! Child processes: started, listened to, signalled, waited for, and gone when the test ends.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::poll;

/// A command that runs one of the release binaries of this workspace, from the directory in `POSTERN_BIN_DIR`
/// (`target/release` when it is not set). Settings of the environment do not leak into it.
///
/// # Errors
/// Says how to build the binary when it is not there.
pub fn binary(name: &str) -> anyhow::Result<Command> {
    let path = binary_directory().join(name);
    if !path.exists() {
        bail!("{} does not exist: cargo build --release --workspace --bins", path.display());
    }
    let mut command = Command::new(path);
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("POSTERN_")) {
        command.env_remove(key);
    }
    Ok(command)
}

/// Where the release binaries are.
pub fn binary_directory() -> PathBuf {
    let default = || repository().join("target").join("release");
    std::env::var_os("POSTERN_BIN_DIR").map_or_else(default, PathBuf::from)
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Signals that a person or a supervisor sends.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What a supervisor sends first.
    Terminate,
    /// kill -9.
    Kill,
}

/// What a process wrote so far, line by line.
#[derive(Debug, Default)]
struct Written {
    stdout: Vec<String>,
    stderr: Vec<String>,
}

/// A running child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Mutex<Child>,
    stdin: Option<ChildStdin>,
    written: Arc<Mutex<Written>>,
}

/// How a process ended and what it wrote.
#[derive(Debug)]
pub struct Ended {
    /// The status it ended with.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

impl Ended {
    /// Standard output of a process that succeeded.
    ///
    /// # Errors
    /// Shows what the process wrote when it did not succeed.
    pub fn success(self) -> anyhow::Result<String> {
        if !self.status.success() {
            bail!("{}\n{}{}", self.status, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

impl Process {
    /// Starts a command and listens to what it writes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{name} does not start"))?;
        let written = Arc::new(Mutex::new(Written::default()));
        if let Some(stdout) = child.stdout.take() {
            listen(stdout, Arc::clone(&written), |written| &mut written.stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, Arc::clone(&written), |written| &mut written.stderr);
        }
        let stdin = child.stdin.take();
        Ok(Self { name, child: Mutex::new(child), stdin, written })
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn id(&self) -> anyhow::Result<u32> {
        lock(&self.child).id().with_context(|| format!("{} has ended:\n{}", self.name, self.log()))
    }

    /// The lines it wrote to standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.written().stdout.clone()
    }

    /// The lines it wrote to standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.written().stderr.clone()
    }

    /// Everything it wrote so far, for a message to a person.
    pub fn log(&self) -> String {
        let written = self.written();
        written.stdout.iter().chain(&written.stderr).map(|line| format!("  {line}\n")).collect()
    }

    /// Waits for the first line of standard output, from line `from` on, in which `find` finds something.
    ///
    /// # Errors
    /// When the process ends before, or the time is over; shows what it wrote.
    pub async fn find_in_stdout<T>(
        &self,
        from: usize,
        within: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let found = poll::until("a line of output", within, || async {
            // Its end is looked at first: whatever it wrote before has been read by then.
            let ended = self.ended().filter(|_| self.is_read_to_the_end());
            let found = self.written().stdout.iter().skip(from).find_map(|line| find(line));
            found.map(Ok).or_else(|| ended.map(Err))
        });
        match found.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(status)) => bail!("{} ended with {status} too early:\n{}", self.name, self.log()),
            Err(error) => Err(error.context(format!("{} wrote\n{}", self.name, self.log()))),
        }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }

    /// Both listeners give their share back when they have read to the end.
    fn is_read_to_the_end(&self) -> bool {
        Arc::strong_count(&self.written) == 1
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When it does not listen any more.
    pub async fn write_line(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("its standard input is closed")?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(stdin.flush().await?)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has ended.
    pub async fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let name = match signal {
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
            Signal::Kill => "KILL",
        };
        let id = self.id()?.to_string();
        let status = Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id]).status().await?;
        if !status.success() {
            bail!("kill -s {name} {id} ended with {status}");
        }
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub async fn end(mut self, within: Duration) -> anyhow::Result<Ended> {
        drop(self.stdin.take());
        let still_runs = || format!("{} still runs after {within:?}:\n{}", self.name, self.log());
        let status = poll::until("its end", within, || async { self.ended() }).await.with_context(still_runs)?;
        let is_read = || async { self.is_read_to_the_end().then_some(()) };
        poll::until("the last output", Duration::from_secs(5), is_read).await?;
        let written = self.written();
        Ok(Ended { status, stdout: join(&written.stdout), stderr: join(&written.stderr) })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        lock(&self.written)
    }
}

/// Runs a command to its end, with `stdin` as its standard input.
///
/// # Errors
/// When it cannot be started or does not end within `within`; how it ended is in the value.
pub async fn run(command: Command, stdin: &str, within: Duration) -> anyhow::Result<Ended> {
    let mut process = Process::spawn(command)?;
    if let Some(mut pipe) = process.stdin.take() {
        // A command that refuses its arguments does not read: that is no error here.
        pipe.write_all(stdin.as_bytes()).await.ok();
    }
    process.end(within).await
}

fn listen(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    written: Arc<Mutex<Written>>,
    lines_of: fn(&mut Written) -> &mut Vec<String>,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            lines_of(&mut lock(&written)).push(line);
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn join(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn shell(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[tokio::test]
    async fn a_command_is_run_to_its_end() {
        let ended = run(shell("read line; echo \"got $line\"; echo no >&2; exit 3"), "it\n", LONG).await.unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str(), ended.stderr.as_str()), (Some(3), "got it\n", "no\n"));
        assert!(ended.success().is_err());
    }

    #[tokio::test]
    async fn a_line_is_waited_for_and_an_early_end_is_told() {
        let mut process = Process::spawn(shell("echo ready; read line; echo \"answer $line\"; exit 4")).unwrap();
        process.find_in_stdout(0, LONG, |line| (line == "ready").then_some(())).await.unwrap();
        process.write_line("42").await.unwrap();
        process.find_in_stdout(1, LONG, |line| (line == "answer 42").then_some(())).await.unwrap();
        let error = process.find_in_stdout(0, LONG, |line| (line == "never").then_some(())).await.unwrap_err();
        assert!(error.to_string().contains("too early"), "{error}");
    }

    #[tokio::test]
    async fn a_signal_arrives() {
        let process = Process::spawn(shell("trap 'exit 7' TERM; echo ready; while :; do read line; done")).unwrap();
        process.find_in_stdout(0, LONG, |line| (line == "ready").then_some(())).await.unwrap();
        process.signal(Signal::Terminate).await.unwrap();
        assert_eq!(process.end(LONG).await.unwrap().status.code(), Some(7));
    }
}
