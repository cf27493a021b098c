//! Every metric that a server tells is in the manual, and every one in the manual is told; and where it is told.

use crate::{auth_server::test_server::TestServer, resource_server::server::Server};
use auth_server::serve::Server as AuthServer;
use shared::{clock::SystemClock, config::Sources, random::SystemRandom};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use system_tests::poll::until;
use tokio_util::sync::CancellationToken;

const MANUAL: &str = include_str!("../../docs/operations.md");

/// The value of one series, written as Prometheus writes it.
pub fn value_of(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn told(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

/// The first cell of each row of a table that names one, with the servers of the second.
fn documented(server: &str) -> BTreeSet<&'static str> {
    let rows = MANUAL.lines().filter(|line| line.starts_with("| `postern_"));
    let of_server =
        rows.filter(|row| row.split('|').nth(2).is_some_and(|cell| cell.contains(server) || cell.contains("both")));
    of_server.filter_map(|row| row.split('`').nth(1)).collect()
}

#[tokio::test]
async fn the_manual_names_every_metric_and_no_other() {
    let (issuer, server) = (TestServer::start().await, Server::start().await);
    let page = auth_server::metrics::page(issuer.app.clone()).await.into_text();
    assert_eq!(told(&page), documented("authorization"));
    assert_eq!(told(&server.metrics()), documented("resource"));
}

#[tokio::test]
async fn metrics_are_told_on_their_own_port_alone_until_the_server_has_stopped() {
    auth_server::install_crypto_provider();
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[shared]\ndata_dir = {:?}\n[auth_server]\nlisten = [\"127.0.0.1:0\"]\nmetrics_listen = [\"127.0.0.1:0\"]\n",
        directory.path()
    );
    let sources = Sources::new().with_file_text("test", &text).expect("TOML");
    let settings = auth_server::config::Settings::load(&sources).expect("settings");
    let stop = CancellationToken::new();
    let server = AuthServer::open(settings, Arc::new(SystemClock), Arc::new(SystemRandom), stop.clone()).await;
    let server = server.expect("a server");
    let (public, private) = (server.addresses()[0], server.metrics_addresses()[0]);
    let served = tokio::spawn(server.serve());
    let client = reqwest::Client::new();
    let get = |url: String| client.get(url).send();
    let page =
        until("metrics", Duration::from_secs(20), || async { get(format!("http://{private}/metrics")).await.ok() });
    let page = page.await.expect("told");
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-type"].to_str().expect("ASCII").starts_with("text/plain; version=0.0.4"));
    let text = page.text().await.expect("text");
    assert_eq!(value_of(&text, &format!("postern_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), Some(1.0));
    assert_eq!(get(format!("http://{public}/metrics")).await.expect("an answer").status(), 404);
    for path in ["/livez", "/oauth2/token", "/"] {
        assert_eq!(get(format!("http://{private}{path}")).await.expect("an answer").status(), 404, "{path}");
    }
    stop.cancel();
    served.await.expect("it ends");
    assert!(get(format!("http://{private}/metrics")).await.is_err());
}
