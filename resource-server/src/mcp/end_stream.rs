//! Open streams end: listening ones with the token, running calls with their time, all of them on revocation.

use crate::bearer::{
    revocations::Revocations,
    verified_token::{Place, VerifiedToken},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A body that ends when its time is over, or when `over` becomes ready, whatever the inner one still had to say.
pub struct EndingStream {
    inner: BoxBody<Bytes, Infallible>,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
    /// The place of the call among the principal's; given back when the stream ends.
    _place: Option<Place>,
}

impl EndingStream {
    /// Ends `inner` after `time_limit`, or as soon as `revocations` name `token`.
    pub fn new(
        inner: BoxBody<Bytes, Infallible>,
        time_limit: Duration,
        revocations: Arc<Revocations>,
        token: Arc<VerifiedToken>,
        place: Option<Place>,
    ) -> Self {
        let over = async move {
            tokio::select! {
                () = tokio::time::sleep(time_limit) => {}
                () = revocations.revoked(&token) => {}
            }
        };
        Self { inner, over: Box::pin(over), ended: false, _place: place }
    }
}

impl Body for EndingStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended || self.over.poll_unpin(context).is_ready() {
            self.ended = true;
            // The upstream learns now that nobody listens, not when the connection closes.
            self.inner = BoxBody::default();
            return Poll::Ready(None);
        }
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
