//! The server: HTTP/1.1 and HTTP/2 on every listener, within limits, until it is told to stop.

use super::client_address::PeerAddress;
use super::connection_cap::ConnectionCap;
use super::guarded_io::{GuardedIo, Patience, Progress};
use super::peer_service::PeerService;
use axum::Router;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After a failed `accept` (no file descriptors left, mostly) the listener rests that long; connections wait in the
/// backlog.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long requests under way may take to finish once a server is to stop. Both servers promise to be gone five seconds
/// after the signal; what is left is for jobs and the database to end.
pub const DRAIN: Duration = Duration::from_secs(3);

/// An HTTP/1.1 head with more lines than this is refused (431). It is hyper's own number: to set any, this one too, costs two allocations of
/// kilobytes a request.
pub const HEADER_LINES_MAX: usize = 100;

/// What one server takes at most.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Connections at a time; more wait in the backlog.
    pub connections: usize,
    /// From connecting, or from the first byte of a request's head, to its last (slow loris).
    pub head_timeout: Duration,
    /// Between requests on one connection; longer than balancers keep theirs (60 s), so that they never send into a
    /// closing one.
    pub idle_timeout: Duration,
    /// While there is something to send, from one byte that the other side takes to the next; of each answer, where a connection carries
    /// several. A silent stream waits for nothing.
    pub write_timeout: Duration,
    /// Bytes of an HTTP/1.1 head, and of HTTP/2 header lists.
    pub head_bytes: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub http2_streams: u32,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            http2_streams: 200,
        }
    }
}

/// Serves `router` on all `listeners` with the default limits, `cap` and [`DRAIN`], and logs what was cut; see [`serve_within`].
pub async fn serve(listeners: Vec<TcpListener>, router: Router, cap: ConnectionCap, shutdown: CancellationToken) {
    let cut = serve_within(ServeLimits::default(), cap, listeners, router, shutdown, DRAIN).await;
    if cut > 0 {
        tracing::warn!(connections = cut, "connections were cut");
    }
}

/// Serves until `shutdown`, then stops accepting, lets requests finish, and cuts what is left after `drain`. Returns
/// how many connections were cut.
///
/// Long streams should watch `shutdown` themselves and end; one that took another protocol (WebSocket) belongs to its
/// handler. Each request carries its [`PeerAddress`].
pub async fn serve_within(
    limits: ServeLimits,
    cap: ConnectionCap,
    listeners: Vec<TcpListener>,
    router: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> usize {
    let connections = Connections {
        builder: Arc::new(builder(&limits)),
        router: router.with_state(()),
        patience: Patience { head: limits.head_timeout, idle: limits.idle_timeout, write: limits.write_timeout },
        permits: Arc::new(Semaphore::new(limits.connections)),
        cap: Arc::new(cap),
        tracker: TaskTracker::new(),
        shutdown: shutdown.clone(),
        cut: CancellationToken::new(),
    };
    let accepting = TaskTracker::new();
    for listener in listeners {
        accepting.spawn(accept_all(listener, connections.clone()));
    }
    accepting.close();
    accepting.wait().await;
    connections.tracker.close();
    if tokio::time::timeout(drain, connections.tracker.wait()).await.is_ok() {
        return 0;
    }
    let left = connections.tracker.len();
    connections.cut.cancel();
    connections.tracker.wait().await;
    left
}

fn builder(limits: &ServeLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // GuardedIo keeps the time, and [`HEADER_LINES_MAX`] is set by nobody.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// What all connections share.
#[derive(Clone)]
struct Connections {
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    patience: Patience,
    permits: Arc<Semaphore>,
    cap: Arc<ConnectionCap>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    cut: CancellationToken,
}

async fn accept_all(listener: TcpListener, connections: Connections) {
    let shutdown = connections.shutdown.clone();
    let _ = shutdown
        .run_until_cancelled(async {
            while let Ok(permit) = Arc::clone(&connections.permits).acquire_owned().await {
                let (stream, peer) = accept(&listener).await;
                let Some(place) = connections.cap.admit(peer.ip()) else {
                    tracing::debug!(%peer, "closed: its block of addresses has too many connections");
                    continue;
                };
                let connection = connections.clone();
                connections.tracker.spawn(async move {
                    connection.drive(stream, peer, place.is_shared()).await;
                    drop((permit, place));
                });
            }
        })
        .await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The other side was gone before we looked.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

impl Connections {
    async fn drive(self, stream: TcpStream, peer: SocketAddr, is_shared: bool) {
        // Without it a small answer may wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let progress = Arc::new(Progress::new(self.patience.write, is_shared));
        let io = TokioIo::new(GuardedIo::new(stream, Arc::clone(&progress), self.patience));
        let service = PeerService { router: self.router, peer: PeerAddress(peer), progress: Arc::clone(&progress) };
        let mut connection = pin!(self.builder.serve_connection_with_upgrades(io, service));
        // To look at one of them takes a lock, which all connections share: each is looked at when it is woken, not at every request.
        let mut ends = FuturesUnordered::from_iter([
            self.shutdown.cancelled().map(|()| true).left_future(),
            progress.idle_too_long().map(|()| false).right_future(),
        ]);
        let shutting_down = tokio::select! {
            biased;
            ended = connection.as_mut() => return log_end(peer, ended),
            Some(shutting_down) = ends.next() => shutting_down,
        };
        connection.as_mut().graceful_shutdown();
        let ended = if shutting_down {
            self.cut.run_until_cancelled(connection).await
        } else {
            tokio::time::timeout(self.patience.head, connection).await.ok()
        };
        log_end(peer, ended.unwrap_or(Ok(())));
    }
}

fn log_end(peer: SocketAddr, ended: Result<(), impl std::fmt::Display>) {
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

#[cfg(test)]
mod tests;
