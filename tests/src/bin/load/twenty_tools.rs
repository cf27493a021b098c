//! The resource server of which the rows ask a list of twenty tools: our pipeline with its logs, metrics and limits, in a process of its own, as
//! `resource-server` serves it, around tools of the conformance suite.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use shared::http::serve;
use shared::telemetry::{LogFormat, install};
use system_tests::conformance_server::{ConformanceServer, tools};
use system_tests::postern::Home;
use system_tests::process::Process;
use system_tests::resource_server::Enrolled;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::ceiling::{announce, end_with_parent};
use crate::measure::Target;

const TOOLS: usize = 20;
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

/// A running one. Dropping it ends it.
#[derive(Debug)]
pub struct TwentyTools {
    process: Process,
    enrolled: Enrolled,
}

impl TwentyTools {
    /// Starts this program again as a resource server, enrolled at the Postern of `home`.
    pub async fn start(home: &Home) -> anyhow::Result<Self> {
        let enrolled =
            Enrolled::at(home, "twenty-tools", "requests_per_minute = 1000000\nopen_streams = 10000").await?;
        let file = home.folder().join("twenty-tools.json");
        fs::write(&file, serde_json::to_vec(&enrolled)?)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--twenty-tools").arg(file);
        let process = Process::spawn(command)?;
        process.find_in_stdout(0, LISTENS_WITHIN, |line| line.starts_with("listening on ").then_some(())).await?;
        enrolled.wait_until_ready().await?;
        Ok(Self { process, enrolled })
    }

    /// Where to send the load.
    pub fn target(&self) -> anyhow::Result<Target> {
        Ok(Target { process_id: self.process.id()?, port: self.enrolled.port })
    }

    /// What tokens must be for.
    pub fn resource(&self) -> String {
        self.enrolled.mcp_url()
    }
}

/// Serves what was enrolled until standard input is closed.
pub async fn serve_enrolled(file: &Path) -> anyhow::Result<()> {
    let enrolled: Enrolled = serde_json::from_slice(&fs::read(file)?)?;
    let _logs = install(LogFormat::default(), None)?;
    let stop = CancellationToken::new();
    let tools: Vec<_> = tools().into_iter().take(TOOLS).collect();
    ensure!(tools.len() == TOOLS, "the suite has {} tools", tools.len());
    let server = enrolled.around(ConformanceServer::default(), &tools, stop.clone()).await?;
    announce(enrolled.port);
    end_with_parent();
    serve(server.listeners, server.router, server.cap, stop).await;
    Ok(())
}
