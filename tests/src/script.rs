//! Scripts of `tests/clients`: real clients in Node.js and Chromium that report each step as a line of JSON.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::process::{Process, repository};

/// A step may start a browser on a busy machine.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// A running script.
#[derive(Debug)]
pub struct Script {
    process: Process,
    /// Lines of its output that were taken already.
    taken: usize,
}

impl Script {
    /// Starts `tests/clients/{name}.mjs` with its input.
    ///
    /// # Errors
    /// When Node.js or its packages are missing; says what to run.
    pub fn start(name: &str, input: &Value) -> anyhow::Result<Self> {
        let folder = repository().join("tests").join("clients");
        if !folder.join("node_modules").exists() {
            bail!("the packages of tests/clients are missing: (cd tests/clients && npm ci), or tests/run system");
        }
        let mut command = Command::new("node");
        command.arg(format!("{name}.mjs")).arg(input.to_string()).current_dir(folder);
        Ok(Self { process: Process::spawn(command).context("Node.js 22 or newer is needed")?, taken: 0 })
    }

    /// The next step, which must be the one named.
    ///
    /// # Errors
    /// When another step comes, the script fails or nothing comes; shows what it wrote.
    pub async fn step(&mut self, name: &str) -> anyhow::Result<Value> {
        let step = self.next().await?;
        if step["step"] != name {
            let message = step["message"].as_str().map_or_else(|| step.to_string(), str::to_owned);
            bail!("expected the step {name}, got {message}\n{}", self.process.stderr().join("\n"));
        }
        Ok(step)
    }

    /// The next step, whatever it is.
    ///
    /// # Errors
    /// When nothing comes; shows what the script wrote.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        let step = self.process.find_in_stdout(self.taken, STEP_WITHIN, |line| Some(line.to_owned())).await?;
        self.taken += 1;
        serde_json::from_str(&step).with_context(|| format!("a step is JSON, not {step}"))
    }

    /// Lets a script go on that handed over, with what it needs to know.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn go_on(&mut self, with: &str) -> anyhow::Result<()> {
        self.process.write_line(with).await
    }
}
