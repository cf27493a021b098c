//! The server is told to stop while streams are open: each ends as its revision wants, in time, and what can finish finishes.

use super::{
    server::{IN_TIME, Server, call, post},
    sessions::{accepting_events, bare, in_session, open_session},
    stateless_revision::{behind, modern, read_until},
    streams::{answer_to, endless, open_asked, question, rest},
};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use serde_json::json;
use shared::http::{ConnectionCap, DRAIN, ServeLimits, serve_within};
use std::time::Instant;
use system_tests::{conformance_server::ConformanceServer, poll::until};
use tokio::net::TcpListener;

fn stop(server: &Server, fixture: &ConformanceServer) {
    fixture.stop.cancel();
    server.stop.cancel();
}

#[tokio::test]
async fn streams_that_listen_end_as_their_revision_wants() {
    let (server, fixture) = behind("legacy_sessions = true").await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let legacy = server.open(in_session(bare("GET", &token), &session)).await.into_body();
    let listen = json!({"jsonrpc": "2.0", "id": "r", "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}}});
    let mut subscription = server.open(modern(&token, listen)).await.into_body();
    read_until(&mut subscription, "acknowledged").await;
    assert!(subscription.frame().now_or_never().is_none(), "it stays open");
    stop(&server, &fixture);
    rest(legacy).await;
    let last = rest(subscription).await;
    assert!(last.contains("\"id\":\"r\"") && last.contains("\"resultType\":\"complete\""), "a result: {last}");
}

/// One that hangs on does not hold the process up.
#[tokio::test]
async fn a_subscription_that_does_not_end_is_cut() {
    let (server, _stays) = behind("").await;
    let listen = json!({"jsonrpc": "2.0", "id": "r", "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}}});
    let mut subscription = server.open(modern(&server.token("mcp.read"), listen)).await.into_body();
    read_until(&mut subscription, "acknowledged").await;
    let told = Instant::now();
    server.stop.cancel();
    rest(subscription).await;
    assert!(told.elapsed() < DRAIN, "{:?}", told.elapsed());
}

#[tokio::test]
async fn a_call_that_runs_may_finish_and_its_stream_says_so() {
    let (server, fixture) = behind("legacy_sessions = true").await;
    let token = server.token("mcp.read");
    let session = open_asked(&server, &token).await;
    let asks = call("test_elicitation", json!({"message": "who?"}));
    let mut stream =
        server.open(in_session(accepting_events(post(&token, asks.to_string())), &session)).await.into_body();
    let asked = read_until(&mut stream, "elicitation/create").await;
    stop(&server, &fixture);
    let answer = answer_to(&question(&asked), "ada");
    server.send(in_session(post(&token, answer.to_string()), &session)).await;
    let said = rest(stream).await;
    assert!(said.contains("User response: action=accept"), "{said}");
}

/// Over the network, as a process would: every stream has a proper end, nothing is cut, and that in time.
#[tokio::test]
async fn a_server_with_open_streams_is_gone_in_time() {
    let (server, fixture) = behind("legacy_sessions = true").await;
    let token = server.token("mcp.read");
    let session = open_session(&server, &token).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let (cap, router, stopping) = (ConnectionCap::new(100, &[]), server.router.clone(), server.stop.clone());
    let serving = tokio::spawn(serve_within(ServeLimits::default(), cap, vec![listener], router, stopping, DRAIN));
    let client = reqwest::Client::new();
    let open = |request: reqwest::RequestBuilder| {
        let request = request.bearer_auth(&token).header("host", "localhost:9500").header("mcp-session-id", &session);
        async move { request.send().await.expect("an answer") }
    };
    let listening = open(client.get(&url)).await;
    let post = client.post(&url).header("content-type", "application/json");
    let mut running =
        open(post.header("accept", "application/json, text/event-stream").body(endless(1).to_string())).await;
    running.chunk().await.expect("bytes").expect("a beginning");
    until("the call runs", IN_TIME, || async { (fixture.running() == 1).then_some(()) }).await.expect("running");
    let told = Instant::now();
    stop(&server, &fixture);
    for stream in [listening, running] {
        let read = tokio::time::timeout(IN_TIME, stream.bytes()).await.expect("in time");
        read.expect("an end, not a break");
    }
    let cut = tokio::time::timeout(IN_TIME, serving).await.expect("in time").expect("no panic");
    assert_eq!(cut, 0, "nothing had to be cut");
    assert!(told.elapsed() < DRAIN + DRAIN / 3, "{:?}", told.elapsed());
}
