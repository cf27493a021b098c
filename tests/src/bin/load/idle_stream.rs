//! What a stream that listens costs in memory while nothing is said, against the same stream on bare axum.

use anyhow::ensure;

use crate::bodies;
use crate::ceiling::{Ceiling, Kind};
use crate::http_client::{Connection, OpenStream, Request};
use crate::measure::{self, Target};
use crate::report::{Bound, Row};
use crate::subject::Subject;

/// These are open before anything is counted: the first ones pay for what all of them use.
const FIRST_STREAMS: u16 = 100;
/// Over so many more the memory is divided. With the first they stay under the files that a process may commonly have open.
const STREAMS: u16 = 800;
/// More than that of the ceiling, at most.
const BOUND_KIBIBYTES: f64 = 4.0;

/// The row: KiB a stream, each on a connection of its own, for one user.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let subject = Subject::start(&[]).await?;
    let (server, credentials) = subject.serve_twenty_tools().await?;
    let token = subject.tokens_for(&credentials, &server.resource(), 1).await?.remove(0);
    let request = bodies::listen(&token)?;
    let target = server.target()?;
    let beginning = Connection::open(target.port).await?.listen(&request).await?.beginning;
    let ceiling = Ceiling::start(Kind::Listen, &beginning).await?;
    Ok(vec![Row {
        name: "idle-stream",
        what: "memory of a stream that listens; ceiling begins the same and says no more".to_owned(),
        ours: kibibytes_a_stream(target, &request).await?,
        ceiling: Some(kibibytes_a_stream(ceiling.target()?, &request).await?),
        unit: "KiB",
        ratio: None,
        requests_per_second: None,
        bound: Bound::AboveCeiling(BOUND_KIBIBYTES),
    }])
}

async fn kibibytes_a_stream(target: Target, request: &Request) -> anyhow::Result<f64> {
    let first = open(target, request, FIRST_STREAMS).await?;
    let before = measure::resident_mebibytes(target.process_id)?;
    let streams = open(target, request, STREAMS).await?;
    let after = measure::resident_mebibytes(target.process_id)?;
    for mut stream in first.into_iter().chain(streams) {
        ensure!(stream.is_open(), "a stream ended while others were opened");
    }
    Ok((after - before) * 1024.0 / f64::from(STREAMS))
}

async fn open(target: Target, request: &Request, count: u16) -> anyhow::Result<Vec<OpenStream>> {
    let mut streams = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        streams.push(Connection::open(target.port).await?.listen(request).await?);
    }
    Ok(streams)
}
