//! One correlation id a request: in every log line of it, in its answer, and on error pages.

use super::client_address::ClientAddress;
use super::manner::Manner;
use crate::random::{SharedRandom, random_id};
use crate::trace::{self, Propagated, Traced, Tracer};
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use std::convert::Infallible;
use std::fmt;
use tracing::Span;
use tracing::field::Empty;

/// The header that carries the id to the caller.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of this request: random, never taken from the caller. With it goes where the request came from, for what is written down about it.
#[derive(Debug, Clone)]
pub struct RequestId {
    text: HeaderValue,
    client: ClientAddress,
}

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or("-")
    }

    /// Where the request came from.
    pub fn client(&self) -> ClientAddress {
        self.client
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
        let unknown = || Self { text: HeaderValue::from_static("-"), client: ClientAddress::of(&parts.extensions) };
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(unknown))
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

/// Gives each request its id, its place in a trace, and a span that carries both into the log.
pub struct RequestIds {
    random: SharedRandom,
    tracer: Tracer,
}

impl RequestIds {
    /// Ids from `random`; steps are recorded by `tracer`.
    pub fn new(random: SharedRandom, tracer: Tracer) -> Self {
        Self { random, tracer }
    }

    /// The request as a step of the trace that it names, or of a new one.
    fn step(&self, request: &Request) -> trace::Span {
        let mut step = self.tracer.start_request(Propagated::from_headers(request.headers()));
        if step.is_recording() {
            let method = known_method(request.method());
            let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
            step.update_name(format!("{method} {route}").trim_end().to_owned());
            step.set_attribute("http.request.method", method);
            step.set_attribute("http.route", route);
        }
        step
    }
}

/// A method of RFC 9110 or RFC 5789; others are words that a caller chose.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// What is kept of a request.
pub struct Begun {
    id: RequestId,
    log_span: Span,
    step: trace::Span,
    traced: Option<Traced>,
}

impl Manner for RequestIds {
    type Kept = Begun;

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let text = random_id(&*self.random);
        let step = self.step(request);
        let traced = step.traced();
        let trace_id = step.context().map(|context| tracing::field::display(context.trace_id));
        let log_span = tracing::info_span!("request", request_id = text, trace_id, message_trace_id = Empty);
        let text = HeaderValue::try_from(text).expect("base64url is a header value");
        let id = RequestId { text, client: ClientAddress::of(request.extensions()) };
        request.extensions_mut().insert(id.clone());
        if let Some(context) = step.context() {
            request.extensions_mut().insert(context);
        }
        Ok(Begun { id, log_span, step, traced })
    }

    fn finish(&self, mut begun: Self::Kept, response: &mut Response) {
        if begun.step.is_recording() {
            begun.step.set_attribute("http.response.status_code", response.status().as_str().to_owned());
            if response.status().is_server_error() {
                begun.step.set_error();
            }
        }
        response.headers_mut().insert(X_REQUEST_ID, begun.id.text);
    }

    fn span(begun: &Self::Kept) -> Option<&Span> {
        Some(&begun.log_span)
    }

    fn request_id(begun: &Self::Kept) -> Option<&RequestId> {
        Some(&begun.id)
    }

    fn traced(begun: &Self::Kept) -> Option<&Traced> {
        begun.traced.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestId, RequestIds, X_REQUEST_ID, current_request_id};
    use crate::http::manner::Manner as _;
    use crate::random::SystemRandom;
    use crate::trace::Tracer;
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
            .layer(RequestIds::new(Arc::new(SystemRandom), Tracer::default()).layer());
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
