//! From the revocation of a grant to the first 401 of its access token, while others go on calling.

use std::time::{Duration, Instant};

use anyhow::ensure;
use http::StatusCode;
use system_tests::oauth_client::OAuthClient;

use crate::bodies;
use crate::feed::Feed;
use crate::http_client::Connection;
use crate::measure::{self, Plan};
use crate::report::{Bound, Row};
use crate::subject::Subject;

/// Revocations of a round.
const REVOCATIONS: usize = 10;
/// Connections that call meanwhile.
const CONNECTIONS: usize = 16;
/// A revocation that takes longer never lands.
const LONGEST: Duration = Duration::from_secs(30);
/// What is promised.
const BOUND_MILLISECONDS: f64 = 1000.0;

/// The rows: the median and the 99th percentile.
pub async fn measure(plan: Plan) -> anyhow::Result<Vec<Row>> {
    let mut subject = Subject::start(&[]).await?;
    let mut milliseconds = Vec::new();
    for round in 0..plan.rounds {
        let mut clients = Vec::new();
        for number in 0..REVOCATIONS {
            clients.push(subject.authorized_client(&format!("client {round} {number}")).await?);
        }
        let same = bodies::tools_list(&subject.tokens(1).await?.remove(0))?;
        let feeds = (0..CONNECTIONS).map(|_| Feed::Same(same.clone())).collect();
        let load = measure::measure(subject.resource_server()?, feeds, plan.seconds.max(1.0));
        let (measured, _) = tokio::try_join!(revoke_all(&subject, &clients), load)?;
        milliseconds.extend(measured);
    }
    milliseconds.sort_by(f64::total_cmp);
    let row = |what: &str, percent: usize| Row {
        name: "revocation",
        what: format!("POST /oauth2/revoke to the first 401 at the resource server, under load, {what}"),
        ours: milliseconds[(milliseconds.len() * percent).div_ceil(100).saturating_sub(1)],
        ceiling: None,
        unit: "ms",
        ratio: None,
        requests_per_second: None,
        bound: Bound::Under(BOUND_MILLISECONDS),
    };
    Ok(vec![row("p50", 50), row("p99", 99)])
}

/// Revokes the grant of each client, one after the other; how long each took.
async fn revoke_all(subject: &Subject, clients: &[OAuthClient]) -> anyhow::Result<Vec<f64>> {
    let mut issuer = Connection::open(subject.authorization_server()?.port).await?;
    let mut resource = Connection::open(subject.resource_server()?.port).await?;
    let mut milliseconds = Vec::new();
    for client in clients {
        let call = bodies::tools_list(&client.access_token)?;
        let (status, _) = resource.send(&call).await?;
        ensure!(status == StatusCode::OK, "a fresh token is answered {status}");
        let began = Instant::now();
        let (status, _) = issuer.send(&bodies::revocation(client)?).await?;
        ensure!(status == StatusCode::OK, "the revocation is answered {status}");
        while resource.send(&call).await?.0 != StatusCode::UNAUTHORIZED {
            ensure!(began.elapsed() < LONGEST, "a revoked token is still good");
        }
        milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(milliseconds)
}
