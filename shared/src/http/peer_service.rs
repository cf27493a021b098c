//! The router as seen from one connection: each request with its peer, counted as in flight until the end of its
//! answer's body.

use super::client_address::PeerAddress;
use super::guarded_io::{InFlight, Progress};
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
        let mut in_flight = this.in_flight.take();
        set_withheld(&mut in_flight, !http_body::Body::is_end_stream(response.body()));
        Poll::Ready(Ok(response.map(|body| TrackedBody { body, in_flight })))
    }
}

pin_project! {
    /// A body that is in flight until its end.
    pub(super) struct TrackedBody {
        #[pin]
        body: Body,
        in_flight: Option<InFlight>,
    }
}

impl http_body::Body for TrackedBody {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        // hyper asks for more only when it may send it.
        set_withheld(this.in_flight, false);
        let frame = this.body.poll_frame(cx);
        match &frame {
            Poll::Ready(None) => drop(this.in_flight.take()),
            Poll::Ready(Some(_)) => set_withheld(this.in_flight, true),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn set_withheld(in_flight: &mut Option<InFlight>, withheld: bool) {
    if let Some(in_flight) = in_flight {
        in_flight.set_withheld(withheld);
    }
}
