//! The server against hostile and slow peers.

use super::{ConnectionCap, HEADER_LINES_MAX, ServeLimits, serve_within};
use crate::http::client_address::PeerAddress;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; whoever waits that long has failed.
const DEADLINE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    release: Arc<Notify>,
    entered: Arc<Notify>,
    ended: JoinHandle<usize>,
}

fn start(limits: ServeLimits, drain: Duration) -> Server {
    start_capped(limits, ConnectionCap::new(usize::MAX, &[]), drain)
}

fn start_capped(limits: ServeLimits, cap: ConnectionCap, drain: Duration) -> Server {
    let listeners = super::super::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let (shutdown, release, entered) = (CancellationToken::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waits, enters) = (Arc::clone(&release), Arc::clone(&entered));
    let held = move || async move {
        enters.notify_one();
        waits.notified().await;
        "held"
    };
    let stalled = || async {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let dropped = Arc::clone(&release);
    // Tells when the connection lets go of its body.
    let endless = move || async move {
        let told = DropTold(dropped);
        Body::from_stream(stream::repeat_with(move || {
            let _ = &told;
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 65_536]))
        }))
    };
    let router = Router::new()
        .route(
            "/",
            get(
                |request: Request| async move { request.extensions().get::<PeerAddress>().unwrap().0.ip().to_string() },
            ),
        )
        .route("/held", get(held))
        .route("/upgrade", get(upgrade))
        .route("/stalled", get(stalled))
        .route("/endless", get(endless));
    let ended = tokio::spawn(serve_within(limits, cap, listeners, router, shutdown.clone(), drain));
    Server { address, shutdown, release, entered, ended }
}

struct DropTold(Arc<Notify>);

impl Drop for DropTold {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Echoes whatever comes after the answer.
async fn upgrade(request: Request) -> Response {
    tokio::spawn(async move {
        let mut upgraded = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        let mut buffer = [0; 100];
        while let Ok(read @ 1..) = upgraded.read(&mut buffer).await {
            upgraded.write_all(&buffer[..read]).await.unwrap();
        }
    });
    let headers = [("connection", "upgrade"), ("upgrade", "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("within the deadline")
}

async fn send(server: &Server, text: &str) -> TcpStream {
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(text.as_bytes()).await.unwrap();
    connection
}

/// Everything until the other side closes.
async fn rest(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = within(connection.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until `text` has been seen.
async fn until(connection: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let mut buffer = [0; 1024];
        let read = within(connection.read(&mut buffer)).await.unwrap();
        assert!(read > 0, "closed after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    seen
}

#[tokio::test]
async fn keeps_a_connection_and_knows_its_peer() {
    let server = start(ServeLimits::default(), DEADLINE);
    let mut connection = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut connection, "127.0.0.1").await;
    connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut connection).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_request_in_flight_finishes_after_the_signal_and_nothing_new_is_accepted() {
    let server = start(ServeLimits::default(), DEADLINE);
    let mut idle = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut idle, "127.0.0.1").await;
    let mut connection = send(&server, "GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(server.entered.notified()).await;
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed at once");
    let refused = || async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(refused()).await;
    server.release.notify_one();
    assert!(rest(&mut connection).await.ends_with("held"));
    assert_eq!(within(server.ended).await.unwrap(), 0);
}

#[tokio::test]
async fn what_does_not_finish_is_cut_at_the_deadline() {
    let server = start(ServeLimits::default(), SHORT);
    let mut connection = send(&server, "GET /stalled HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut connection, "first").await;
    server.shutdown.cancel();
    assert_eq!(within(server.ended).await.unwrap(), 1);
    rest(&mut connection).await;
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let limits = ServeLimits { head_timeout: SHORT, idle_timeout: DEADLINE * 10, ..ServeLimits::default() };
    let server = start(limits, DEADLINE);
    for beginning in ["", "G", "PRI * HT", "GET / HTTP/1.1\r\nhost: a\r\n"] {
        let mut connection = send(&server, beginning).await;
        rest(&mut connection).await;
    }
    // Also the second head of a connection that has proven itself.
    let mut connection = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut connection, "127.0.0.1").await;
    connection.write_all(b"GET / HT").await.unwrap();
    rest(&mut connection).await;
}

#[tokio::test]
async fn an_idle_connection_ends_but_a_stream_or_a_slow_answer_does_not() {
    let limits = ServeLimits { head_timeout: SHORT, idle_timeout: SHORT, ..ServeLimits::default() };
    let server = start(limits, SHORT);
    let mut stalled = send(&server, "GET /stalled HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut stalled, "first").await;
    let mut held = send(&server, "GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(server.entered.notified()).await;
    for _ in 0..3 {
        let mut idle = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        until(&mut idle, "127.0.0.1").await;
        assert_eq!(rest(&mut idle).await, "");
    }
    let still_open = tokio::time::timeout(SHORT, stalled.read(&mut [0; 10])).await;
    assert!(still_open.is_err(), "the stream was cut: {still_open:?}");
    server.release.notify_one();
    until(&mut held, "held").await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_loses_the_connection() {
    let server = start(ServeLimits { write_timeout: SHORT, ..ServeLimits::default() }, SHORT);
    let unread = send(&server, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(server.release.notified()).await;
    drop(unread);
}

#[tokio::test]
async fn large_heads_and_many_headers_are_refused() {
    let server = start(ServeLimits { head_bytes: 16 * 1024, ..ServeLimits::default() }, SHORT);
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let of_lines = |lines: usize| format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(lines - 1));
    for (head, status) in [(long, "431"), (of_lines(HEADER_LINES_MAX), "200"), (of_lines(HEADER_LINES_MAX + 1), "431")]
    {
        let mut connection = send(&server, &head).await;
        let answer = until(&mut connection, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = start(ServeLimits { connections: 1, ..ServeLimits::default() }, SHORT);
    let mut first = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut first, "127.0.0.1").await;
    let mut second = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(tokio::time::timeout(SHORT, second.read(&mut [0; 10])).await.is_err());
    drop(first);
    until(&mut second, "127.0.0.1").await;
}

#[tokio::test]
async fn connections_beyond_the_cap_of_their_block_are_closed() {
    let server = start_capped(ServeLimits::default(), ConnectionCap::new(1, &[]), SHORT);
    let mut first = send(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut first, "127.0.0.1").await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut second).await, "");
    drop(first);
    // The server notices that the first one is gone in its own time.
    let again = async {
        loop {
            let mut third = send(&server, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
            if rest(&mut third).await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    within(again).await;
}

/// Preface and an empty SETTINGS frame, cut in two; the answer is a SETTINGS frame (RFC 9113 §3.4).
async fn begin_http2(server: &Server) -> TcpStream {
    let mut connection = send(server, "PRI * HTTP/2.0\r\n\r\nS").await;
    connection.write_all(b"M\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame_header = [0; 9];
    within(connection.read_exact(&mut frame_header)).await.unwrap();
    assert_eq!(frame_header[3], 4, "SETTINGS");
    let mut settings = vec![0; usize::from(frame_header[2])];
    within(connection.read_exact(&mut settings)).await.unwrap();
    connection
}

#[tokio::test]
async fn http2_is_spoken_and_idles_as_long_as_others() {
    let patient = ServeLimits { head_timeout: SHORT, ..ServeLimits::default() };
    let mut connection = begin_http2(&start(patient, DEADLINE)).await;
    let mut buffer = [0; 1024];
    let idle = async { while connection.read(&mut buffer).await.unwrap() > 0 {} };
    assert!(tokio::time::timeout(SHORT * 4, idle).await.is_err(), "closed before its time");

    let impatient = ServeLimits { head_timeout: SHORT * 4, idle_timeout: SHORT, ..ServeLimits::default() };
    let mut connection = begin_http2(&start(impatient, DEADLINE)).await;
    let mut frames = Vec::new();
    within(connection.read_to_end(&mut frames)).await.unwrap();
    assert!(frames.windows(4).any(|part| part == [0, 0, 8, 7]), "GOAWAY of 8 bytes in {frames:?}");
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /`, whole.
fn ask(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, b"\x82\x86\x84\x41\x01a")
}

fn give_leave(stream: u32, bytes: u32) -> Vec<u8> {
    frame(8, 0, stream, &bytes.to_be_bytes())
}

/// Asks on stream 1 and gives leave for `window` bytes of each answer.
async fn ask_with_window(server: &Server, window: u8) -> TcpStream {
    let mut connection = begin_http2(server).await;
    let settings = frame(4, 0, 0, &[0, 4, 0, 0, 0, window]);
    connection.write_all(&[settings, ask(1)].concat()).await.unwrap();
    connection
}

/// Asks again and again, and takes those answers, until the connection is closed.
async fn lively(connection: &mut TcpStream) {
    let (mut reads, mut writes) = connection.split();
    let mut ticks = tokio::time::interval(SHORT / 5);
    let mut buffer = [0; 1024];
    let mut stream = 3;
    loop {
        tokio::select! {
            read = reads.read(&mut buffer) => if read.unwrap_or(0) == 0 { return },
            _ = ticks.tick() => {
                let _ = writes.write_all(&[ask(stream), give_leave(stream, 100)].concat()).await;
                stream += 2;
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_ends_the_connection_however_lively_the_others_are() {
    let server = start(ServeLimits { write_timeout: SHORT, ..ServeLimits::default() }, SHORT);
    // Without any leave the answer waits before h2, and with a little in it, when its body is gone.
    for window in [0, 1] {
        let mut connection = ask_with_window(&server, window).await;
        let ended = tokio::time::timeout(DEADLINE, lively(&mut connection)).await;
        assert!(ended.is_ok(), "{window}: still open");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_costs_those_behind_a_proxy_nothing_while_others_go_on() {
    let patience = SHORT * 10;
    let cap = ConnectionCap::new(usize::MAX, &["127.0.0.0/8".parse().unwrap()]);
    let server = start_capped(ServeLimits { write_timeout: patience, ..ServeLimits::default() }, cap, SHORT);
    let mut connection = ask_with_window(&server, 1).await;
    let ended = tokio::time::timeout(patience * 3, lively(&mut connection)).await;
    assert!(ended.is_err(), "others were cut off");
    rest(&mut connection).await;
}

#[tokio::test]
async fn whoever_reads_slowly_is_not_cut_off() {
    let patience = SHORT * 20;
    let server = start(ServeLimits { write_timeout: patience, ..ServeLimits::default() }, SHORT);
    let mut connection = ask_with_window(&server, 1).await;
    let mut ticks = tokio::time::interval(patience / 4);
    let mut text = Vec::new();
    while text.len() < b"127.0.0.1".len() {
        let mut head = [0; 9];
        within(connection.read_exact(&mut head)).await.unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        within(connection.read_exact(&mut payload)).await.unwrap();
        if head[3] == 0 {
            text.extend(payload);
            ticks.tick().await;
            connection.write_all(&give_leave(1, 1)).await.unwrap();
        }
    }
    assert_eq!(text, b"127.0.0.1");
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_own_time() {
    let limits = ServeLimits { head_timeout: SHORT, idle_timeout: SHORT, ..ServeLimits::default() };
    let server = start(limits, DEADLINE);
    let mut connection =
        send(&server, "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    until(&mut connection, "101 Switching Protocols").await;
    assert!(tokio::time::timeout(SHORT * 4, connection.read(&mut [0; 10])).await.is_err(), "closed for being idle");
    connection.write_all(b"still there").await.unwrap();
    until(&mut connection, "still there").await;
}
