//! Open streams end: listening ones with the token and with the server, running calls with their time, all of them on revocation, and
//! those that nobody reads. So do large answers that are no streams.

use crate::bearer::{
    revocations::Revocations,
    verified_token::{Place, VerifiedToken},
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// A stream whose client takes nothing of what it is sent ends after this long. (A client of HTTP/1.1 that does so loses its connection
/// then; one of HTTP/2 may go on with its other streams.)
pub const UNREAD_MAX: Duration = Duration::from_secs(30);

/// More is handed out in pieces of so many bytes, each a copy: what was handed out and is not taken stays in memory for as long as the connection
/// (HTTP/2 may keep it for a stream that is given no leave to send), whatever ended the stream.
const PIECE_MAX_BYTES: usize = 16 * 1024;

/// A subscription has this long to end with its result once the server stops (MCP 2026-07-28, Subscriptions). A stream of the revisions before is
/// just closed.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// What ends a stream.
pub struct StreamEnd {
    /// It lasts no longer.
    pub time_limit: Duration,
    /// Nor this long without that anything of it is taken.
    pub unread_max: Duration,
    /// Ends it: the server stops. A running call has time to finish and is not told.
    pub stop: Option<CancellationToken>,
    /// So long after `stop`, if it did not end by itself.
    pub last_words: Duration,
    /// Where its token may appear.
    pub revocations: Arc<Revocations>,
    /// Whose stream it is.
    pub token: Arc<VerifiedToken>,
}

/// A body that ends when something says so, whatever the inner one still had to say. What ends it runs beside it: a body
/// of which nobody takes anything is not asked, and still has to give back what it holds.
pub struct EndingStream {
    live: Arc<Mutex<Live>>,
    _watch: AbortOnDropHandle<()>,
}

struct Live {
    inner: BoxBody<Bytes, Infallible>,
    /// What of its last frame is not handed out yet.
    rest: Bytes,
    /// The place among the principal's; given back when the stream ends.
    place: Option<Arc<Place>>,
    reader: Option<Waker>,
    /// When the last frame was handed out, until the next one is asked for.
    unread_since: Option<Instant>,
    ended: bool,
}

impl EndingStream {
    /// `inner`, holding `place`, until `end`.
    pub fn new(inner: BoxBody<Bytes, Infallible>, place: Arc<Place>, end: StreamEnd) -> Self {
        let unread_since = Some(Instant::now());
        let live = Live { inner, rest: Bytes::new(), place: Some(place), reader: None, unread_since, ended: false };
        let live = Arc::new(Mutex::new(live));
        let watched = Arc::clone(&live);
        let watch = tokio::spawn(async move {
            let stopped = async {
                match &end.stop {
                    Some(stop) => {
                        stop.cancelled().await;
                        tokio::time::sleep(end.last_words).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(end.time_limit) => {}
                () = end.revocations.revoked(&end.token) => {}
                () = stopped => {}
                () = unread_too_long(&watched, end.unread_max) => {}
            }
            lock(&watched).end();
        });
        Self { live, _watch: AbortOnDropHandle::new(watch) }
    }
}

impl Live {
    fn end(&mut self) {
        self.ended = true;
        // The upstream learns now that nobody listens, not when the connection closes.
        (self.inner, self.rest, self.place) = (BoxBody::default(), Bytes::new(), None);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.next_piece()))));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        polled.map(|frame| frame.map(|Ok(frame)| Ok(self.first_piece(frame))))
    }

    fn first_piece(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(data) if data.len() > PIECE_MAX_BYTES => {
                self.rest = data;
                Frame::data(self.next_piece())
            }
            Ok(data) => Frame::data(data),
            Err(trailers) => trailers,
        }
    }

    fn next_piece(&mut self) -> Bytes {
        Bytes::copy_from_slice(&self.rest.split_to(self.rest.len().min(PIECE_MAX_BYTES)))
    }
}

/// Nothing is left half done in there, so a poisoned lock is as good as any.
fn lock(live: &Mutex<Live>) -> MutexGuard<'_, Live> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn unread_too_long(live: &Mutex<Live>, unread_max: Duration) {
    loop {
        let since = lock(live).unread_since;
        let look_at = since.unwrap_or_else(Instant::now) + unread_max;
        if look_at <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(look_at).await;
    }
}

impl Body for EndingStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut live = lock(&self.live);
        if live.ended {
            return Poll::Ready(None);
        }
        let frame = live.poll_piece(context);
        live.unread_since = frame.is_ready().then(Instant::now);
        match &frame {
            Poll::Ready(None) => live.end(),
            Poll::Ready(Some(_)) => {}
            Poll::Pending => live.reader = Some(context.waker().clone()),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let live = lock(&self.live);
        live.ended || (live.rest.is_empty() && live.inner.is_end_stream())
    }

    /// Whoever was told how long an answer is knows that one which ended early is not whole.
    fn size_hint(&self) -> SizeHint {
        let live = lock(&self.live);
        let (rest, inner) = (live.rest.len() as u64, live.inner.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest + inner.lower());
        if let Some(upper) = inner.upper() {
            hint.set_upper(rest + upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests;
