//! What is done around every request, without a lock or a box of its own: look at the request, perhaps answer it,
//! finish the response.

use super::request_id::{CurrentRequest, on_behalf_of};
use crate::trace::Traced;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower::{Layer, Service};

/// Something done around a request. A pair of manners is one: they begin in order and finish in reverse.
pub trait Manner: Send + Sync + 'static {
    /// What is remembered from the request until its response.
    type Kept: Send + 'static;

    /// Looks at the request.
    ///
    /// # Errors
    /// The answer, when the request goes no further; the manners that began before this one still finish it.
    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>>;

    /// Finishes the response.
    fn finish(&self, kept: Self::Kept, response: &mut Response);

    /// The request, for whoever asks for the [`current_request`](super::current_request).
    fn current(_kept: &Self::Kept) -> Option<CurrentRequest> {
        None
    }

    /// The step of a trace that everything done on behalf of the request belongs to.
    fn traced(_kept: &Self::Kept) -> Option<&Traced> {
        None
    }

    /// This manner around `inner`.
    fn and<N: Manner>(self, inner: N) -> (Self, N)
    where
        Self: Sized,
    {
        (self, inner)
    }

    /// The layer for `Router::layer`.
    fn layer(self) -> MannerLayer<Self>
    where
        Self: Sized,
    {
        MannerLayer(Arc::new(self))
    }
}

impl<A: Manner, B: Manner> Manner for (A, B) {
    type Kept = (A::Kept, B::Kept);

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let outer = self.0.begin(request)?;
        match self.1.begin(request) {
            Ok(inner) => Ok((outer, inner)),
            Err(mut answer) => {
                self.0.finish(outer, &mut answer);
                Err(answer)
            }
        }
    }

    fn finish(&self, (outer, inner): Self::Kept, response: &mut Response) {
        self.1.finish(inner, response);
        self.0.finish(outer, response);
    }

    fn current((outer, inner): &Self::Kept) -> Option<CurrentRequest> {
        A::current(outer).or_else(|| B::current(inner))
    }

    fn traced((outer, inner): &Self::Kept) -> Option<&Traced> {
        A::traced(outer).or_else(|| B::traced(inner))
    }
}

/// The same manner around several routers.
impl<M: Manner> Manner for Arc<M> {
    type Kept = M::Kept;

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        M::begin(self, request)
    }

    fn finish(&self, kept: Self::Kept, response: &mut Response) {
        M::finish(self, kept, response);
    }

    fn current(kept: &Self::Kept) -> Option<CurrentRequest> {
        M::current(kept)
    }

    fn traced(kept: &Self::Kept) -> Option<&Traced> {
        M::traced(kept)
    }
}

/// Puts a manner around every request of a router; cheap to clone.
pub struct MannerLayer<M>(Arc<M>);

impl<M> Clone for MannerLayer<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M, S> Layer<S> for MannerLayer<M> {
    type Service = Mannered<M, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Mannered { manner: Arc::clone(&self.0), inner }
    }
}

/// A service with a manner around it.
pub struct Mannered<M, S> {
    manner: Arc<M>,
    inner: S,
}

impl<M, S: Clone> Clone for Mannered<M, S> {
    fn clone(&self) -> Self {
        Self { manner: Arc::clone(&self.manner), inner: self.inner.clone() }
    }
}

impl<M: Manner, S: Service<Request, Response = Response<Body>>> Service<Request> for Mannered<M, S> {
    type Response = Response;
    type Error = S::Error;
    type Future = MannerFuture<M, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.manner.begin(&mut request) {
            Ok(kept) => {
                let call = || self.inner.call(request);
                let future = match M::current(&kept) {
                    Some(request) => on_behalf_of(request, call),
                    None => call(),
                };
                MannerFuture::Running { future, manner: Arc::clone(&self.manner), kept: Some(kept) }
            }
            Err(answer) => MannerFuture::Answered { answer: Some(answer) },
        }
    }
}

pin_project! {
    /// The answer to come.
    #[project = MannerFutureParts]
    pub enum MannerFuture<M: Manner, F> {
        /// The request went further.
        Running { #[pin] future: F, manner: Arc<M>, kept: Option<M::Kept> },
        /// The manner answered.
        Answered { answer: Option<Box<Response>> },
    }
}

impl<M: Manner, E, F: Future<Output = Result<Response, E>>> Future for MannerFuture<M, F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            MannerFutureParts::Running { future, manner, kept } => {
                let traced = || match kept.as_ref().and_then(M::traced) {
                    Some(traced) => traced.run(|| future.poll(cx)),
                    None => future.poll(cx),
                };
                let mut response = ready!(match kept.as_ref().and_then(M::current) {
                    Some(request) => on_behalf_of(request, traced),
                    None => traced(),
                })?;
                if let Some(kept) = kept.take() {
                    manner.finish(kept, &mut response);
                }
                Poll::Ready(Ok(response))
            }
            MannerFutureParts::Answered { answer } => {
                Poll::Ready(Ok(*answer.take().expect("a future is not polled again after it was ready")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Manner;
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt as _;

    /// Appends its name on the way in and on the way out; answers when the path asks for it.
    struct Named(&'static str);

    impl Manner for Named {
        type Kept = &'static str;

        fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
            if request.uri().path() == format!("/stop-at-{}", self.0) {
                return Err(Box::new(StatusCode::IM_A_TEAPOT.into_response()));
            }
            request.headers_mut().append("way-in", self.0.parse().unwrap());
            Ok(self.0)
        }

        fn finish(&self, kept: Self::Kept, response: &mut Response) {
            response.headers_mut().append("way-out", kept.parse().unwrap());
        }
    }

    async fn ask(path: &str) -> (StatusCode, Vec<String>, Vec<String>) {
        let echo = |request: Request| async move {
            let mut response = Response::new(Body::empty());
            for value in request.headers().get_all("way-in") {
                response.headers_mut().append("way-in", value.clone());
            }
            response
        };
        let manner = Named("a").and(Named("b")).and(Named("c"));
        let router = Router::new().route("/{*path}", get(echo)).layer(manner.layer());
        let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let all = |name: &str| {
            response.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        (response.status(), all("way-in"), all("way-out"))
    }

    #[tokio::test]
    async fn begin_in_order_and_finish_in_reverse() {
        let (status, way_in, way_out) = ask("/x").await;
        assert_eq!((status, way_in.join(""), way_out.join("")), (StatusCode::OK, "abc".to_owned(), "cba".to_owned()));
    }

    #[tokio::test]
    async fn whoever_began_finishes_an_early_answer() {
        for (path, finished) in [("/stop-at-a", ""), ("/stop-at-b", "a"), ("/stop-at-c", "ba")] {
            let (status, _, way_out) = ask(path).await;
            assert_eq!((status, way_out.join("")), (StatusCode::IM_A_TEAPOT, finished.to_owned()), "{path}");
        }
    }
}
