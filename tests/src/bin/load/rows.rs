//! The rows of the table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::bodies;
use crate::ceiling::{Ceiling, Kind};
use crate::feed::Feed;
use crate::http_client::{Connection, Request};
use crate::idle_stream;
use crate::measure::{self, Plan, Target, median};
use crate::report::{Bound, Row};
use crate::revocation;
use crate::subject::{Subject, sample};

/// Names of the rows, in the order of the table.
pub const NAMES: [&str; 11] = [
    "client-credentials-es256",
    "client-credentials-rs256",
    "refresh",
    "code-exchange",
    "introspection",
    "first-seen-token",
    "cached-token",
    "revocation",
    "memory",
    "idle-stream",
    "start",
];

const CONNECTIONS: usize = 16;
const DURABLE_CONNECTIONS: usize = 64;
/// Codes of a round: as many as are surely redeemed before the first has expired.
const CODES: usize = 2_000;
/// Tokens of a round that no cache has seen.
const FIRST_SEEN_TOKENS: usize = 10_000;
const STARTS: usize = 5;

/// Measures one row.
pub async fn measure(name: &str, plan: Plan) -> anyhow::Result<Vec<Row>> {
    match name {
        "client-credentials-es256" => {
            client_credentials("client-credentials-es256", "ES256", Kind::SignEs256, 0.70, plan).await
        }
        "client-credentials-rs256" => {
            client_credentials("client-credentials-rs256", "RS256", Kind::SignRs256, 0.93, plan).await
        }
        "refresh" => refresh(plan).await,
        "code-exchange" => code_exchange(plan).await,
        "introspection" => introspection(plan).await,
        "first-seen-token" => first_seen_token(plan).await,
        "cached-token" => cached_token(plan).await,
        "revocation" => revocation::measure(plan).await,
        "memory" => memory(plan).await,
        "idle-stream" => idle_stream::measure().await,
        "start" => start().await,
        _ => anyhow::bail!("there is no row {name}"),
    }
}

/// One side-by-side comparison: our target, the ceiling, and how the rounds came out.
struct Comparison {
    name: &'static str,
    what: &'static str,
    at_least: f64,
    plan: Plan,
    ceiling: Ceiling,
    /// What the ceiling is sent, by each connection.
    same: Request,
    connections: usize,
    rounds: Vec<[measure::Measured; 2]>,
}

impl Comparison {
    async fn round(&mut self, target: Target, feeds: Vec<Feed>) -> anyhow::Result<Vec<Feed>> {
        let (ours, feeds) = measure::measure(target, feeds, self.plan.seconds).await?;
        let (ceiling, _) =
            measure::measure(self.ceiling.target()?, same(&self.same, self.connections), self.plan.seconds).await?;
        self.rounds.push([ours, ceiling]);
        Ok(feeds)
    }

    fn row(self) -> Vec<Row> {
        let of = |value: fn(&[measure::Measured; 2]) -> f64| median(self.rounds.iter().map(value).collect());
        vec![Row {
            name: self.name,
            what: self.what.to_owned(),
            ours: of(|[ours, _]| ours.cpu_microseconds),
            ceiling: Some(of(|[_, ceiling]| ceiling.cpu_microseconds)),
            unit: "µs CPU",
            ratio: Some(of(|[ours, ceiling]| ceiling.cpu_microseconds / ours.cpu_microseconds)),
            requests_per_second: Some(of(|[ours, _]| ours.requests_per_second)),
            bound: Bound::AtLeast(self.at_least),
        }]
    }
}

fn same(request: &Request, connections: usize) -> Vec<Feed> {
    (0..connections).map(|_| Feed::Same(request.clone())).collect()
}

fn once(requests: Vec<Request>, connections: usize) -> Vec<Feed> {
    let queue = Arc::new(Mutex::new(VecDeque::from(requests)));
    (0..connections).map(|_| Feed::Once(Arc::clone(&queue))).collect()
}

/// A row whose request may be repeated: the ceiling answers with what ours answered.
async fn repeated(
    (name, what, at_least): (&'static str, &'static str, f64),
    plan: Plan,
    (target, request, kind): (Target, Request, Kind),
) -> anyhow::Result<Vec<Row>> {
    let answer = sample(&mut Connection::open(target.port).await?, &request).await?;
    let ceiling = Ceiling::start(kind, &answer).await?;
    let mut comparison = Comparison {
        name,
        what,
        at_least,
        plan,
        ceiling,
        same: request.clone(),
        connections: CONNECTIONS,
        rounds: Vec::new(),
    };
    for _ in 0..plan.rounds {
        comparison.round(target, same(&request, CONNECTIONS)).await?;
    }
    Ok(comparison.row())
}

async fn client_credentials(
    name: &'static str,
    algorithm: &str,
    kind: Kind,
    at_least: f64,
    plan: Plan,
) -> anyhow::Result<Vec<Row>> {
    let subject = Subject::start(&[("POSTERN__RESOURCE_SERVER__TOKEN_ALGORITHM", algorithm)]).await?;
    let request = bodies::client_credentials(&subject.credentials, &subject.resource())?;
    repeated(
        (name, "a machine fetches a token; ceiling signs once", at_least),
        plan,
        (subject.authorization_server()?, request, kind),
    )
    .await
}

async fn introspection(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let subject = Subject::start(&[]).await?;
    let token = subject.tokens(1).await?.remove(0);
    let request = bodies::introspection(&subject.credentials, &token)?;
    let about = ("introspection", "introspection of a JWT; ceiling hashes once and looks once", 0.40);
    repeated(about, plan, (subject.authorization_server()?, request, Kind::HashAndLook)).await
}

async fn cached_token(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let subject = Subject::start(&[]).await?;
    let (server, credentials) = subject.serve_twenty_tools().await?;
    let token = subject.tokens_for(&credentials, &server.resource(), 1).await?.remove(0);
    let about = ("cached-token", "tools/list of 20 tools with a known token; ceiling answers the same bytes", 0.50);
    repeated(about, plan, (server.target()?, bodies::tools_list(&token)?, Kind::Answer)).await
}

async fn first_seen_token(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let subject = Subject::start(&[]).await?;
    let (server, credentials) = subject.serve_twenty_tools().await?;
    let (target, resource) = (server.target()?, server.resource());
    let same = bodies::tools_list(&subject.tokens_for(&credentials, &resource, 1).await?.remove(0))?;
    let answer = sample(&mut Connection::open(target.port).await?, &same).await?;
    let ceiling = Ceiling::start(Kind::VerifyEs256, &answer).await?;
    let what = "tools/list of 20 tools with a token never seen; ceiling verifies once";
    let mut comparison = Comparison {
        name: "first-seen-token",
        what,
        at_least: 0.75,
        plan,
        ceiling,
        same,
        connections: CONNECTIONS,
        rounds: Vec::new(),
    };
    for _ in 0..plan.rounds {
        let tokens = subject.tokens_for(&credentials, &resource, FIRST_SEEN_TOKENS).await?;
        let requests = tokens.iter().map(|token| bodies::tools_list(token)).collect::<anyhow::Result<_>>()?;
        comparison.round(target, once(requests, CONNECTIONS)).await?;
    }
    Ok(comparison.row())
}

async fn refresh(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let mut subject = Subject::start(&[]).await?;
    let target = subject.authorization_server()?;
    let mut feeds = Vec::new();
    for number in 0..DURABLE_CONNECTIONS {
        feeds.push(Feed::Refresh(Box::new(subject.authorized_client(&format!("client {number}")).await?)));
    }
    let mut first = subject.authorized_client("sample").await?;
    let same = bodies::token_request(first.refresh_body(), None)?;
    let answer = serde_json::to_vec(&first.refresh().await?.body)?;
    let ceiling = Ceiling::start(Kind::Rotate, &answer).await?;
    let what = "refresh with rotation, durable, 64 clients; ceiling updates and inserts, 64 a COMMIT";
    let mut comparison = Comparison {
        name: "refresh",
        what,
        at_least: 0.40,
        plan,
        ceiling,
        same,
        connections: DURABLE_CONNECTIONS,
        rounds: Vec::new(),
    };
    for _ in 0..plan.rounds {
        feeds = comparison.round(target, feeds).await?;
    }
    Ok(comparison.row())
}

async fn code_exchange(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let mut subject = Subject::start(&[]).await?;
    let target = subject.authorization_server()?;
    let client = subject.public_client("code exchange").await?;
    let request = |code: &String| bodies::token_request(client.code_body(code), None);
    let same = request(&subject.codes(&client, 1).await?.remove(0))?;
    let answer = sample(&mut Connection::open(target.port).await?, &same).await?;
    let ceiling = Ceiling::start(Kind::Exchange, &answer).await?;
    let what = "code exchange, durable, 64 clients; ceiling writes the same rows, 64 a COMMIT";
    let mut comparison = Comparison {
        name: "code-exchange",
        what,
        at_least: 0.35,
        plan,
        ceiling,
        same,
        connections: DURABLE_CONNECTIONS,
        rounds: Vec::new(),
    };
    for _ in 0..plan.rounds {
        let codes = subject.codes(&client, CODES).await?;
        let requests = codes.iter().map(request).collect::<anyhow::Result<_>>()?;
        comparison.round(target, once(requests, DURABLE_CONNECTIONS)).await?;
    }
    Ok(comparison.row())
}

async fn memory(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let row = |what: &str, ours: f64, most: f64| Row {
        name: "memory",
        what: what.to_owned(),
        ours,
        ceiling: None,
        unit: "MiB",
        ratio: None,
        requests_per_second: None,
        bound: Bound::Under(most),
    };
    let subject = Subject::start(&[]).await?;
    let (tokens, resources) = (subject.authorization_server()?, subject.resource_server()?);
    let idle = measure::resident_mebibytes(tokens.process_id)?;
    let fetch = bodies::client_credentials(&subject.credentials, &subject.resource())?;
    measure::measure(tokens, same(&fetch, DURABLE_CONNECTIONS), plan.seconds).await?;
    let requests = subject
        .tokens(FIRST_SEEN_TOKENS)
        .await?
        .iter()
        .map(|token| bodies::tools_list(token))
        .collect::<anyhow::Result<_>>()?;
    measure::measure(resources, once(requests, CONNECTIONS), plan.seconds).await?;
    let after = measure::resident_mebibytes(tokens.process_id)?;
    Ok(vec![row("idle process", idle, 40.0), row("after a load", after, 256.0)])
}

async fn start() -> anyhow::Result<Vec<Row>> {
    let home = Subject::start(&[]).await?.into_home();
    let mut milliseconds = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let postern = home.start().await?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1e3);
        postern.kill().await?;
    }
    Ok(vec![Row {
        name: "start",
        what: "start to ready, both servers, warm database".to_owned(),
        ours: median(milliseconds),
        ceiling: None,
        unit: "ms",
        ratio: None,
        requests_per_second: None,
        bound: Bound::Under(150.0),
    }])
}
