//! Clients on real sockets that send slowly, do not read, or listen while the server stops.

use super::{
    issuer,
    server::{IN_TIME, Server, call},
};
use async_trait::async_trait;
use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{Full, StreamBody, combinators::BoxBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use resource_server::{
    bearer::principal::Principal,
    mcp::request_id::RequestId,
    upstreams::{Message, ReplyBody, ToolDefinition, Upstream, UpstreamError, UpstreamReply},
};
use serde_json::{Value, json};
use shared::{
    http::{ConnectionCap, ServeLimits, bind, serve_within},
    protocol::security_event::RevocationKind,
};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use system_tests::poll::until;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

/// Streams without end when it is called, one event and silence when it is listened to, answers `large` with a mebibyte and `held` when it is
/// released.
struct Talkative {
    held: Notify,
    entered: Notify,
    /// One for itself, and one for each large answer in memory.
    large: Arc<()>,
}

/// A large answer.
struct Large {
    text: String,
    _kept: Arc<()>,
}

impl Large {
    fn new(id: Option<&RequestId>, kept: &Arc<()>) -> Self {
        let (id, text) = (id.map_or("null", RequestId::as_json), "x".repeat(1024 * 1024));
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"text":"{text}"}}}}"#);
        Self { text, _kept: kept.clone() }
    }
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

#[async_trait]
impl Upstream for Talkative {
    fn tools(&self) -> Vec<ToolDefinition> {
        let tool = |name: &str| ToolDefinition { name: name.into(), json: "{}".into(), read_only: true };
        vec![tool("whoami"), tool("held"), tool("large")]
    }

    async fn call(&self, _: &Arc<Principal>, message: Message) -> Result<UpstreamReply, UpstreamError> {
        let tool = message.envelope.as_ref().and_then(|envelope| envelope.params.name.clone());
        let event = || Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b':'; 65_536])));
        let body = match tool.as_deref() {
            Some("held") => {
                self.entered.notify_one();
                self.held.notified().await;
                ReplyBody::Whole(Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"))
            }
            Some("large") => {
                let id = message.envelope.as_ref().and_then(|envelope| envelope.id());
                ReplyBody::Whole(Bytes::from_owner(Large::new(id, &self.large)))
            }
            Some(_) => ReplyBody::Stream(BoxBody::new(StreamBody::new(stream::repeat_with(event)))),
            None => {
                let first = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b": listening\n\n")))]);
                ReplyBody::Stream(BoxBody::new(StreamBody::new(first.chain(stream::pending()))))
            }
        };
        let content_type = Some("text/event-stream".parse().expect("a value"));
        Ok(UpstreamReply { status: StatusCode::OK, content_type, session_id: None, body })
    }
}

/// A server on a port.
struct OnPort {
    server: Server,
    upstream: Arc<Talkative>,
    address: SocketAddr,
    served: JoinHandle<usize>,
}

async fn on_port(settings: &str, limits: ServeLimits, drain: Duration) -> OnPort {
    let upstream = Arc::new(Talkative { held: Notify::new(), entered: Notify::new(), large: Arc::new(()) });
    let server = Server::start_around(issuer::start().await, settings, Some(upstream.clone())).await;
    server.wait_until_ready().await;
    let listeners = bind(&["127.0.0.1:0".parse().expect("an address")]).expect("a port");
    let address = listeners[0].local_addr().expect("an address");
    let (router, stop, cap) = (server.router.clone(), server.stop.clone(), ConnectionCap::new(usize::MAX, &[]));
    let served = tokio::spawn(serve_within(limits, cap, listeners, router, stop, drain));
    OnPort { server, upstream, address, served }
}

impl OnPort {
    /// Sends a request whose body is said to be `length` long, and `body` of it.
    async fn send(&self, method: &str, length: usize, body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.expect("a connection");
        let head = format!(
            "{method} /mcp HTTP/1.1\r\nHost: localhost:9500\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n\r\n{body}",
            self.server.token("mcp.read")
        );
        connection.write_all(head.as_bytes()).await.expect("sent");
        connection
    }

    async fn call(&self, tool: &str) -> TcpStream {
        let body = call(tool, json!({})).to_string();
        self.send("POST", body.len(), &body).await
    }

    fn told(&self, series: &str) -> Option<f64> {
        crate::metrics_documented::value_of(&self.server.metrics(), series)
    }
}

/// Reads until `text` was seen.
async fn read_until(connection: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(IN_TIME, connection.read(&mut buffer)).await.expect("in time").expect("read");
        assert!(read > 0, "closed after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    seen
}

#[tokio::test]
async fn a_body_that_dribbles_is_408_and_gives_back_its_place() {
    let server = on_port("body_timeout = 1\nconcurrent_calls = 1", ServeLimits::default(), IN_TIME).await;
    let mut slow = server.send("POST", 1000, "{\"jsonrpc\"").await;
    let answer = read_until(&mut slow, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(server.told("postern_running_calls"), Some(0.0));
    assert_eq!(server.told("postern_refusals_total{reason=\"body_too_slow\"}"), Some(1.0));
}

#[tokio::test]
async fn whoever_does_not_read_holds_a_place_for_a_while_and_no_longer() {
    let limits = ServeLimits { write_timeout: Duration::from_millis(100), ..ServeLimits::default() };
    let server = on_port("concurrent_calls = 1", limits, IN_TIME).await;
    let mut unread = server.call("whoami").await;
    read_until(&mut unread, "200 OK").await;
    let refused = server.server.call(&server.server.token("mcp.read"), "whoami", json!({})).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "the one place is taken");
    let free = until("the place comes back", IN_TIME, || async {
        (server.told("postern_running_calls") == Some(0.0)).then_some(())
    });
    free.await.expect("given back");
    drop(unread);
}

/// A call whose answer nobody takes.
struct Unread {
    /// Ends with the connection.
    driven: JoinHandle<()>,
    /// Told when the head of the answer is there.
    begun: oneshot::Receiver<StatusCode>,
}

/// Sends `message` over HTTP/2 with room for `window` bytes of each answer, and keeps the connection alive.
async fn over_http2(server: &OnPort, message: &Value, window: u32) -> Unread {
    let connection = TcpStream::connect(server.address).await.expect("a connection");
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(window)
        .keep_alive_interval(Duration::from_millis(50))
        .handshake::<_, Full<Bytes>>(TokioIo::new(connection))
        .await
        .expect("HTTP/2");
    let driven = tokio::spawn(async move {
        let _ = connection.await;
    });
    let request = http::Request::post("http://localhost:9500/mcp")
        .header("authorization", format!("Bearer {}", server.server.token("mcp.read")))
        .header("content-type", "application/json")
        .body(Full::from(message.to_string()))
        .expect("a request");
    let answer = sender.send_request(request);
    let (head, begun) = oneshot::channel();
    tokio::spawn(async move {
        // Held as long as the connection lasts, and never read.
        let held = (answer.await, sender);
        if let Ok(answer) = &held.0 {
            let _unheard = head.send(answer.status());
        }
        std::future::pending::<()>().await;
    });
    Unread { driven, begun }
}

#[tokio::test]
async fn whoever_gives_no_leave_to_send_is_cut_off_however_lively_the_connection_is() {
    let short = Duration::from_millis(100);
    let limits = ServeLimits { write_timeout: short, idle_timeout: short, ..ServeLimits::default() };
    let server = on_port("", limits, IN_TIME).await;
    for window in [0, 1, 70_000] {
        let unread = over_http2(&server, &call("whoami", json!({})), window).await;
        tokio::time::timeout(IN_TIME, unread.driven)
            .await
            .unwrap_or_else(|_| panic!("{window}: still open"))
            .expect("it ended");
        let free = until("the place comes back", IN_TIME, || async {
            (server.told("postern_running_calls") == Some(0.0)).then_some(())
        });
        free.await.expect("given back");
    }
    let working = over_http2(&server, &call("held", json!({})), 0).await;
    let ended = tokio::time::timeout(short * 10, working.driven).await;
    assert!(ended.is_err(), "an answer that is not there yet is withheld by nobody");
    server.upstream.held.notify_one();
}

/// What a call left behind is held as long as it is in memory, and no longer than a stream would be.
#[tokio::test]
async fn a_large_answer_that_nobody_takes_holds_its_place_and_is_let_go_however_lively_the_connection_is() {
    let large = call("large", json!({}));
    for (message, window) in [(large.clone(), 0), (large.clone(), 1), (large.clone(), 70_000), (json!([large]), 1)] {
        let server = on_port("concurrent_calls = 1", ServeLimits::default(), IN_TIME).await;
        let unread = over_http2(&server, &message, window).await;
        let begun = tokio::time::timeout(IN_TIME, unread.begun).await.expect("in time").expect("a head");
        assert_eq!((begun, server.told("postern_running_calls")), (StatusCode::OK, Some(1.0)), "{window}");
        let refused = server.server.call(&server.server.token("mcp.read"), "large", json!({})).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "the one place is taken");
        server.server.issuer.revoke(RevocationKind::Grant, "grant-1", server.server.now());
        let gone = until("place and memory come back", IN_TIME, || async {
            let in_memory = Arc::strong_count(&server.upstream.large) - 1;
            (server.told("postern_running_calls") == Some(0.0) && in_memory == 0).then_some(())
        });
        gone.await.unwrap_or_else(|_| panic!("{window}: given back"));
        assert!(!unread.driven.is_finished(), "the connection is as good as ever");
        unread.driven.abort();
    }
    let server = on_port("call_timeout = 1", ServeLimits::default(), IN_TIME).await;
    let unread = over_http2(&server, &large, 1).await;
    tokio::time::timeout(IN_TIME, unread.begun).await.expect("in time").expect("a head");
    let gone = until("its time is up", IN_TIME, || async {
        (server.told("postern_running_calls") == Some(0.0) && Arc::strong_count(&server.upstream.large) == 1)
            .then_some(())
    });
    gone.await.expect("given back");
    assert!(!unread.driven.is_finished(), "the connection is as good as ever");
}

#[tokio::test]
async fn a_batch_whose_answers_are_large_runs_no_further() {
    let server = on_port("", ServeLimits::default(), IN_TIME).await;
    let numbered = |id: u32| {
        let mut large = call("large", json!({}));
        large["id"] = id.into();
        large
    };
    let batch: Value = (1..=32).map(numbered).collect();
    let answer = server.server.post(&server.server.token("mcp.read"), &batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answers = answer.json();
    assert!(answers[0]["id"] == 1 && answers[0]["result"]["text"].is_string());
    for late in 1..32 {
        assert_eq!((&answers[late]["id"], &answers[late]["error"]["code"]), (&json!(late + 1), &json!(-32000)));
    }
    assert_eq!(server.told("postern_upstream_duration_seconds_count"), Some(1.0), "the others were not run");
}

#[tokio::test]
async fn streams_that_listen_are_counted_for_themselves() {
    let settings = "legacy_sessions = true\nopen_streams = 2\nconcurrent_calls = 1";
    let server = on_port(settings, ServeLimits::default(), IN_TIME).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = server.send("GET", 0, "").await;
        read_until(&mut stream, ": listening").await;
        streams.push(stream);
    }
    assert_eq!((server.told("postern_open_streams"), server.told("postern_running_calls")), (Some(2.0), Some(0.0)));
    let answer = read_until(&mut server.send("GET", 0, "").await, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: "), "{answer}");
    let mut call = server.call("whoami").await;
    assert!(read_until(&mut call, "\r\n\r\n").await.starts_with("HTTP/1.1 200"), "calls have places of their own");
}

#[tokio::test]
async fn at_a_stop_listening_streams_end_properly_and_a_running_call_finishes() {
    let server = on_port("legacy_sessions = true", ServeLimits::default(), IN_TIME).await;
    let mut listening = server.send("GET", 0, "").await;
    read_until(&mut listening, ": listening").await;
    let mut running = server.call("held").await;
    tokio::time::timeout(IN_TIME, server.upstream.entered.notified()).await.expect("it runs");
    server.server.stop.cancel();
    // The last chunk: whoever listens knows that nothing was cut off.
    read_until(&mut listening, "0\r\n\r\n").await;
    server.upstream.held.notify_one();
    assert!(read_until(&mut running, "\"result\"").await.contains("200 OK"));
    assert_eq!(
        tokio::time::timeout(IN_TIME, server.served).await.expect("in time").expect("no panic"),
        0,
        "none was cut"
    );
}
