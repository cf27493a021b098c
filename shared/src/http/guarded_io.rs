//! A connection that does not wait for ever: a request's head must arrive in time, an idle connection ends, and so does one
//! whose other side takes nothing of what it is sent.
//!
//! hyper's own head time-out starts with the idle time and takes a timer for every request; this one looks only when a
//! read has to wait.

use super::withheld::{Answer, WithheldAnswers};
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// In place of a count: the connection speaks another protocol now.
const UPGRADED: u32 = u32::MAX;

/// How far a connection is: told by the service, read by the guard.
#[derive(Debug)]
pub(super) struct Progress {
    accepted: Instant,
    in_flight: AtomicU32,
    begun: AtomicU32,
    /// Since the connection was accepted.
    idle_since_milliseconds: AtomicU64,
    idle_too_long: Notify,
    is_http2: AtomicBool,
    /// Answers that could be sent if the other side gave leave.
    pub(super) withheld: WithheldAnswers,
    /// Carries many people's requests.
    is_shared: bool,
}

impl Progress {
    /// A connection accepted now, on which an answer may wait so long to be sent. `is_shared` when it carries many people's requests.
    pub(super) fn new(write_patience: Duration, is_shared: bool) -> Self {
        Self {
            accepted: Instant::now(),
            in_flight: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            idle_since_milliseconds: AtomicU64::new(0),
            idle_too_long: Notify::new(),
            is_http2: AtomicBool::new(false),
            withheld: WithheldAnswers::new(write_patience),
            is_shared,
        }
    }

    /// A request was read; it is in flight until the returned value is dropped, at the end of the answer's body.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if self.in_flight.load(Ordering::Relaxed) != UPGRADED {
            self.in_flight.fetch_add(1, Ordering::Relaxed);
        }
        InFlight { progress: Arc::clone(self) }
    }

    /// An answer with a body, to be told what becomes of it; `None` over HTTP/1.1, where whatever waits is a write, which the guard sees.
    pub(super) fn answer(self: &Arc<Self>) -> Option<Arc<Answer>> {
        self.is_http2.load(Ordering::Relaxed).then(|| Answer::new(Arc::clone(self)))
    }

    /// Something has just ended.
    pub(super) fn idle_from_now(&self) {
        self.idle_since_milliseconds.store(self.milliseconds(), Ordering::Relaxed);
    }

    /// The answer was 101: whatever follows keeps its own time.
    pub(super) fn upgrade(&self) {
        self.in_flight.store(UPGRADED, Ordering::Relaxed);
    }

    /// Ends when nothing has been asked for too long: time to close the connection politely.
    pub(super) async fn idle_too_long(&self) {
        self.idle_too_long.notified().await;
    }

    fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    fn idle_since(&self) -> Instant {
        self.accepted + Duration::from_millis(self.idle_since_milliseconds.load(Ordering::Relaxed))
    }

    /// Since when the other side has given no leave to send something; `None` while nothing waits for it. The answer that waits longest
    /// decides, so that no other buys it time. On a shared connection one answer that goes on is enough: who reads slowly must not cost the
    /// others theirs.
    fn withheld_since(&self) -> Option<Instant> {
        let oldest = self.withheld.oldest_milliseconds(|| self.milliseconds())?;
        let since = if self.is_shared { oldest.max(self.withheld.last_moved_milliseconds()) } else { oldest };
        Some(self.accepted + Duration::from_millis(since))
    }

    /// Since the connection was accepted.
    pub(super) fn milliseconds(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A request between its head and the end of its answer.
#[derive(Debug)]
pub(super) struct InFlight {
    progress: Arc<Progress>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let progress = &self.progress;
        progress.idle_from_now();
        let one_less = |count: u32| if count == UPGRADED { None } else { Some(count.saturating_sub(1)) };
        let _ = progress.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

/// How long a connection may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From connecting, or from the first byte of a head, to its last.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// While there is something to send: from one byte taken to the next.
    pub write: Duration,
}

/// A head of which the first bytes have come, after so many requests.
#[derive(Clone, Copy)]
struct BegunHead {
    after: u32,
    since: Instant,
}

/// What to do when the timer rings.
enum Overdue {
    Nothing,
    Close,
    Abort,
}

pin_project! {
    /// The connection and its clock.
    pub(super) struct GuardedIo<T> {
        #[pin]
        io: T,
        progress: Arc<Progress>,
        patience: Patience,
        matched_preface: usize,
        head: Option<BegunHead>,
        timer: Option<Pin<Box<Sleep>>>,
        // Runs while a write waits; a stream with nothing to say has none.
        stalled: Option<Pin<Box<Sleep>>>,
    }
}

impl<T> GuardedIo<T> {
    pub(super) fn new(io: T, progress: Arc<Progress>, patience: Patience) -> Self {
        Self { io, progress, patience, matched_preface: 0, head: None, timer: None, stalled: None }
    }
}

impl Progress {
    /// When the connection that has to wait is overdue for what.
    fn deadline(&self, patience: Patience, head: Option<BegunHead>, is_http2: bool) -> (Instant, Overdue) {
        let begun = self.begun.load(Ordering::Relaxed);
        let head = head.filter(|head| head.after == begun && !is_http2);
        // A peer that gives no leave, and keeps the connection alive, would otherwise hold its answers for ever: h2 has them still when
        // no request is in flight any more.
        if is_http2 && let Some(since) = self.withheld_since() {
            return (since + patience.write, Overdue::Abort);
        }
        if self.is_busy() {
            // Nobody owes anything, but hyper need not read again when it has answered: the timer makes it look.
            (Instant::now() + patience.idle, Overdue::Nothing)
        } else if let Some(head) = head {
            (head.since + patience.head, Overdue::Abort)
        } else if begun == 0 && !is_http2 {
            // A connection that never sent a request has not earned the patience between requests.
            (self.accepted + patience.head, Overdue::Abort)
        } else {
            (self.idle_since() + patience.idle, Overdue::Close)
        }
    }
}

/// How many bytes of the preface the connection has begun with, after `bytes` more; once something else came it stays
/// short for ever.
fn match_preface(matched: usize, seen_before: bool, bytes: &[u8]) -> usize {
    if matched == HTTP2_PREFACE.len() || (matched == 0 && seen_before) {
        return matched;
    }
    let wanted = &HTTP2_PREFACE[matched..];
    let length = wanted.len().min(bytes.len());
    if bytes[..length] == wanted[..length] { matched + length } else { 0 }
}

impl<T: AsyncRead> AsyncRead for GuardedIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        let begun = this.progress.begun.load(Ordering::Relaxed);
        if let Poll::Ready(result) = this.io.poll_read(cx, buffer) {
            let bytes = &buffer.filled()[before..];
            let seen_before = begun > 0 || this.head.is_some();
            let matched = match_preface(*this.matched_preface, seen_before, bytes);
            if matched == HTTP2_PREFACE.len() && *this.matched_preface < matched {
                this.progress.is_http2.store(true, Ordering::Relaxed);
            }
            *this.matched_preface = matched;
            let begins = this.head.is_none_or(|head| head.after != begun);
            if begins && !bytes.is_empty() && !this.progress.is_busy() {
                *this.head = Some(BegunHead { after: begun, since: Instant::now() });
            }
            return Poll::Ready(result);
        }
        let is_http2 = *this.matched_preface == HTTP2_PREFACE.len();
        let (deadline, overdue) = this.progress.deadline(*this.patience, *this.head, is_http2);
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        // The timer may still stand at an earlier wait: it is set forward when it rings, not at every request.
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                match overdue {
                    Overdue::Abort => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Overdue::Close => this.progress.idle_too_long.notify_one(),
                    Overdue::Nothing => {}
                }
                return Poll::Pending;
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// What became of a write, or the error that ends the connection when nothing was taken for `patience`. Flushing needs no such look: a
/// socket has nothing to flush, and hyper flushes only what it could write.
fn within_patience(
    written: Poll<io::Result<usize>>,
    stalled: &mut Option<Pin<Box<Sleep>>>,
    patience: Duration,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if written.is_ready() {
        *stalled = None;
        return written;
    }
    let timer = stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
    timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
}

impl<T: AsyncWrite> AsyncWrite for GuardedIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = this.io.poll_write(cx, bytes);
        within_patience(written, this.stalled, this.patience.write, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = this.io.poll_write_vectored(cx, slices);
        within_patience(written, this.stalled, this.patience.write, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::{GuardedIo, HTTP2_PREFACE, Patience, Progress, match_preface};
    use std::future::poll_fn;
    use std::io::ErrorKind;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, DuplexStream, duplex};

    fn guarded(io: DuplexStream, write: Duration) -> GuardedIo<DuplexStream> {
        let patience = Patience { head: Duration::from_secs(15), idle: Duration::from_secs(75), write };
        GuardedIo::new(io, Arc::new(Progress::new(write, false)), patience)
    }

    async fn must_wait(io: &mut GuardedIo<DuplexStream>) -> bool {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *io).poll_write(cx, b"x").is_pending())).await
    }

    #[tokio::test]
    async fn the_patience_of_a_write_begins_again_with_each_byte_that_is_taken() {
        let (ours, mut theirs) = duplex(1);
        let mut ours = guarded(ours, Duration::from_secs(3600));
        ours.write_all(b"x").await.unwrap();
        assert!(ours.stalled.is_none(), "a stream with nothing to say waits for nothing");
        assert!(must_wait(&mut ours).await && must_wait(&mut ours).await);
        assert!(ours.stalled.is_some());
        theirs.read_u8().await.unwrap();
        ours.write_all(b"x").await.unwrap();
        assert!(ours.stalled.is_none());
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_cut_off() {
        let (ours, _theirs) = duplex(1);
        let answer = guarded(ours, Duration::from_millis(1)).write_all(b"xy").await;
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn the_preface_is_known_however_it_is_cut() {
        let length = HTTP2_PREFACE.len();
        assert_eq!(match_preface(0, false, HTTP2_PREFACE), length);
        for cut in 1..length {
            let matched = match_preface(0, false, &HTTP2_PREFACE[..cut]);
            assert_eq!(match_preface(matched, true, &HTTP2_PREFACE[cut..]), length);
        }
        assert_eq!(match_preface(0, false, b"POST / HTTP/1.1"), 0);
        assert_eq!(match_preface(0, true, HTTP2_PREFACE), 0, "only at the beginning");
        assert_eq!(match_preface(length, true, b"anything"), length);
    }
}
