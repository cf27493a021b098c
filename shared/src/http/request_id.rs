//! One correlation id a request: in every log line of it, in its answer, and on error pages.

use super::manner::Manner;
use crate::random::{SharedRandom, random_id};
use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use std::convert::Infallible;
use std::fmt;
use tracing::Span;

/// The header that carries the id to the caller.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of this request: random, never taken from the caller.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// For handlers: the id, or `-` where no [`RequestIds`] stands before them.
impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(HeaderValue::from_static("-"))))
    }
}

tokio::task_local! {
    /// Like the span: what happens on behalf of a request can be found by its id, however deep it happens.
    static CURRENT: RequestId;
}

/// The id of the request on whose behalf this runs, if it is one.
pub fn current_request_id() -> Option<RequestId> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `work` on behalf of the request.
pub(super) fn on_behalf_of<T>(id: &RequestId, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id.clone(), work)
}

/// Gives each request its id and a span that carries it.
pub struct RequestIds(SharedRandom);

impl RequestIds {
    /// Ids from `random`.
    pub fn new(random: SharedRandom) -> Self {
        Self(random)
    }
}

impl Manner for RequestIds {
    type Kept = (RequestId, Span);

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let text = random_id(&*self.0);
        let span = tracing::info_span!("request", request_id = text);
        let id = RequestId(HeaderValue::try_from(text).expect("base64url is a header value"));
        request.extensions_mut().insert(id.clone());
        Ok((id, span))
    }

    fn finish(&self, (id, _): Self::Kept, response: &mut Response) {
        response.headers_mut().insert(X_REQUEST_ID, id.0);
    }

    fn span((_, span): &Self::Kept) -> Option<&Span> {
        Some(span)
    }

    fn request_id((id, _): &Self::Kept) -> Option<&RequestId> {
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestId, RequestIds, X_REQUEST_ID, current_request_id};
    use crate::http::manner::Manner as _;
    use crate::random::SystemRandom;
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use std::sync::Arc;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn each_request_has_an_id_of_its_own_whatever_the_caller_says() {
        let router = Router::new()
            .route(
                "/",
                get(|id: RequestId| async move {
                    tokio::task::yield_now().await;
                    let current = current_request_id().expect("within a request").to_string();
                    assert_eq!(current, id.to_string());
                    current
                }),
            )
            .layer(RequestIds::new(Arc::new(SystemRandom)).layer());
        let mut seen = Vec::new();
        for _ in 0..3 {
            let request = Request::get("/").header(X_REQUEST_ID, "mine").body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let header = response.headers()[X_REQUEST_ID].to_str().unwrap().to_owned();
            let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
            assert_eq!(body, header);
            assert_eq!(header.len(), 22);
            seen.push(header);
        }
        seen.dedup();
        assert_eq!(seen.len(), 3);
        assert!(current_request_id().is_none(), "outside of a request there is none");
    }
}
