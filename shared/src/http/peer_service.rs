//! The router as seen from one connection: each request with its peer, counted as in flight until the end of its
//! answer's body.

use super::client_address::PeerAddress;
use super::guarded_io::{InFlight, Progress};
use super::withheld::{Answer, Piece, Waiting};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower::Service as _;

/// The router and the connection that asks it.
pub(super) struct PeerService {
    pub router: Router,
    pub peer: PeerAddress,
    pub progress: Arc<Progress>,
}

impl hyper::service::Service<http::Request<Incoming>> for PeerService {
    type Response = http::Response<TrackedBody>;
    type Error = Infallible;
    type Future = TrackedFuture<<Router as tower::Service<Request>>::Future>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer);
        let in_flight = self.progress.begin();
        // A router is always ready.
        let future = self.router.clone().call(request);
        TrackedFuture { future, progress: Arc::clone(&self.progress), in_flight: Some(in_flight) }
    }
}

pin_project! {
    /// An answer to come, counted as in flight.
    pub(super) struct TrackedFuture<F> {
        #[pin]
        future: F,
        progress: Arc<Progress>,
        in_flight: Option<InFlight>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for TrackedFuture<F> {
    type Output = Result<http::Response<TrackedBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            this.progress.upgrade();
        }
        let has_body = !http_body::Body::is_end_stream(response.body());
        let answer = if has_body { this.progress.answer() } else { None };
        // From before its head is sent, so that the guard knows when it is called for that.
        let waiting = answer.as_ref().map(Answer::wait);
        let in_flight = this.in_flight.take();
        Poll::Ready(Ok(response.map(|body| TrackedBody { body, in_flight, answer, waiting })))
    }
}

pin_project! {
    /// A body that is in flight until its end, of pieces that wait until they are sent.
    pub(super) struct TrackedBody {
        #[pin]
        body: Body,
        in_flight: Option<InFlight>,
        answer: Option<Arc<Answer>>,
        // Before the first piece.
        waiting: Option<Waiting>,
    }
}

impl http_body::Body for TrackedBody {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(cx);
        let waiting = this.waiting.take();
        if matches!(frame, Poll::Ready(None)) {
            drop(this.in_flight.take());
        }
        frame.map_ok(|frame| {
            frame.map_data(|bytes| Piece::new(bytes, waiting.or_else(|| this.answer.as_ref().map(Answer::wait))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
