//! Server CPU per request, under a number of connections for a number of seconds.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use crate::feed::Feed;
use crate::http_client::Connection;

/// Linux reports CPU time in hundredths of a second to programs, whatever the kernel's own clock (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;
/// What an answer may take before the run is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Interleaved rounds.
    pub rounds: usize,
    /// Seconds a round, for each side.
    pub seconds: f64,
}

/// A server under load.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its process.
    pub process_id: u32,
    /// Its port on loopback.
    pub port: u16,
}

/// What one side did in one round.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Server CPU per request, in microseconds.
    pub cpu_microseconds: f64,
    /// Requests answered in each second of the round.
    pub requests_per_second: f64,
}

/// Sends what the feeds say, one connection each, and returns the feeds for the next round.
pub async fn measure(target: Target, feeds: Vec<Feed>, seconds: f64) -> anyhow::Result<(Measured, Vec<Feed>)> {
    let mut connections = Vec::new();
    for feed in feeds {
        connections.push((Connection::open(target.port).await?, feed));
    }
    let (cpu_before, started) = (cpu_seconds(target.process_id)?, Instant::now());
    let until = started + Duration::from_secs_f64(seconds);
    let mut running = JoinSet::new();
    for (connection, feed) in connections {
        running.spawn(send_until(connection, feed, until));
    }
    let (mut feeds, mut requests) = (Vec::new(), 0_u32);
    while let Some(ended) = running.join_next().await {
        let (feed, count) = ended??;
        feeds.push(feed);
        requests += count;
    }
    let cpu = cpu_seconds(target.process_id)? - cpu_before;
    ensure!(requests > 0, "nothing was sent");
    let measured = Measured {
        cpu_microseconds: cpu * 1e6 / f64::from(requests),
        requests_per_second: f64::from(requests) / started.elapsed().as_secs_f64(),
    };
    Ok((measured, feeds))
}

async fn send_until(mut connection: Connection, mut feed: Feed, until: Instant) -> anyhow::Result<(Feed, u32)> {
    let mut requests = 0;
    while Instant::now() < until {
        let Some(request) = feed.next()? else { break };
        let answer = tokio::time::timeout(ANSWER_WITHIN, connection.send(&request)).await;
        let (status, body) = answer.context("no answer")??;
        ensure!(status.is_success(), "{} answered {status}: {}", request.path, String::from_utf8_lossy(&body));
        feed.answered(&body)?;
        requests += 1;
    }
    Ok((feed, requests))
}

/// User and system time that a process has used, in seconds.
fn cpu_seconds(process_id: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).context("the server has ended")?;
    // The name in parentheses may hold anything; utime and stime are the 14th and 15th field.
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).context("/proc has another shape")?;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Memory that a process occupies, in MiB.
pub fn resident_mebibytes(process_id: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).context("the server has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes / 1024.0)
}

/// The middle value; of an even number, the lower of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 1.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let before = cpu_seconds(std::process::id()).unwrap();
        assert!(before >= 0.0);
        assert!(resident_mebibytes(std::process::id()).unwrap() > 1.0);
    }
}
