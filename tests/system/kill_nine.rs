//! kill -9 while 32 clients refresh: after the restart every client still has its grant, and nobody and nothing is gone.
//!
//! kill -9 shows that no answer left before its transaction was handed to the system; it does not show that the disk kept it. That is
//! `synchronous=FULL`, which a test without pulling the plug cannot see.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use system_tests::oauth_client::OAuthClient;
use system_tests::person::Person;
use system_tests::poll;
use system_tests::postern::Home;
use tokio::task::JoinSet;

const CLIENTS: usize = 32;
const KILLS: usize = 3;
/// Refreshes between two kills: each client has refreshed twice on average and most are in the middle of the next.
const REFRESHES_BETWEEN_KILLS: usize = 2 * CLIENTS;
const EMAIL: &str = "joan@example.com";
const PASSWORD: &str = "a room full of blinking panels";

/// Refreshes until it is told to stop or the server is gone. A refusal is remembered: no honest client may ever see one.
async fn refresh_on(mut client: OAuthClient, granted: Arc<AtomicUsize>) -> (OAuthClient, Option<String>) {
    loop {
        match client.refresh().await {
            Ok(answer) if answer.status == 200 => {
                granted.fetch_add(1, Ordering::Relaxed);
            }
            // 429 and 503 say: later. The grant is untouched.
            Ok(answer) if [429, 503].contains(&answer.status) => tokio::task::yield_now().await,
            Ok(answer) => return (client, Some(format!("{}: {}", answer.status, answer.body))),
            Err(_) => return (client, None),
        }
    }
}

async fn everything_else(home: &Home) -> anyhow::Result<(Value, Value, Value)> {
    let keys: Value = reqwest::get(format!("{}/.well-known/jwks.json", home.issuer())).await?.json().await?;
    Ok((keys, home.json(&["client", "list"]).await?, home.json(&["user", "list"]).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_costs_no_client_its_grant() -> anyhow::Result<()> {
    let home = Home::new()?;
    let mut postern = home.start().await?;
    home.add_administrator(EMAIL, PASSWORD).await?;
    let mut person = Person::new(EMAIL, PASSWORD)?;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = OAuthClient::register(&home.issuer(), &home.mcp_url(), &format!("client {number}")).await?;
        client.authorize(&mut person, "mcp.read").await?;
        clients.push(client);
    }
    let before = everything_else(&home).await?;

    for kill in 1..=KILLS {
        let granted = Arc::new(AtomicUsize::new(0));
        let mut running = JoinSet::new();
        for client in clients.drain(..) {
            running.spawn(refresh_on(client, Arc::clone(&granted)));
        }
        let enough = || async { (granted.load(Ordering::Relaxed) >= REFRESHES_BETWEEN_KILLS).then_some(()) };
        poll::until("the clients have refreshed", Duration::from_secs(30), enough).await?;
        postern.kill().await?;
        for (client, refusal) in running.join_all().await {
            assert_eq!(refusal, None, "refused before kill {kill}");
            clients.push(client);
        }
        assert_eq!(clients.len(), CLIENTS);
        postern = home.start().await?;
        for client in &mut clients {
            let answer = client.refresh().await?;
            assert_eq!(answer.status, 200, "after kill {kill}, {}: {}", client.client_id, answer.body);
        }
    }
    assert_eq!(before, everything_else(&home).await?, "a key, a client or a person is gone");
    Ok(())
}
