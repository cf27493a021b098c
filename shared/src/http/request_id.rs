//! One correlation id a request: in every log line of it, in its answer, and on error pages.

use super::client_address::ClientAddress;
use super::manner::Manner;
use crate::random::{Random, random_32};
use crate::trace::{self, SpanContext, TraceId, Traced, Tracer};
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The header that carries the id to the caller.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// 128 bits as base64url.
const ID_CHARACTERS: usize = 22;

/// The id of this request, in base64url: nobody can guess it, and it is never taken from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; ID_CHARACTERS]);

impl RequestId {
    /// The id of what is no request.
    pub(crate) const NONE: Self = Self([b'-'; ID_CHARACTERS]);

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("-")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// For handlers: the id, or hyphens where no [`RequestIds`] stands before them.
impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self::NONE))
    }
}

/// The request on whose behalf something runs: every line of the log says so, however deep it is written.
#[derive(Debug, Clone, Copy)]
pub struct CurrentRequest {
    /// Its id.
    pub id: RequestId,
    /// Where it came from.
    pub client: ClientAddress,
    /// The trace that it belongs to.
    pub trace_id: Option<TraceId>,
}

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

/// The request on whose behalf this runs, if it is one.
pub fn current_request() -> Option<CurrentRequest> {
    CURRENT.try_with(|current| *current).ok()
}

/// Runs `work` on behalf of the request.
pub(crate) fn on_behalf_of<T>(request: CurrentRequest, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(request, work)
}

/// `work`, for another task, on behalf of the request and the step of a trace that it is started for.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let (request, work) = (current_request(), trace::carried(work));
    async move {
        match request {
            Some(request) => CURRENT.scope(request, work).await,
            None => work.await,
        }
    }
}

/// Gives each request its id and its place in a trace.
pub struct RequestIds {
    /// Ids are a keyed hash of how many there were before: as hard to guess as this is, and no request asks the system for randomness.
    key: [u8; 32],
    given: AtomicU64,
    tracer: Tracer,
}

impl RequestIds {
    /// Ids that only `random` determines; steps are recorded by `tracer`.
    pub fn new(random: &dyn Random, tracer: Tracer) -> Self {
        Self { key: random_32(random), given: AtomicU64::new(0), tracer }
    }

    fn next_id(&self) -> RequestId {
        let number = self.given.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let hash = Sha256::new().chain_update(self.key).chain_update(number).finalize();
        let mut text = RequestId::NONE;
        let written = URL_SAFE_NO_PAD.encode_slice(&hash[..16], &mut text.0);
        debug_assert_eq!(written.ok(), Some(ID_CHARACTERS));
        text
    }

    /// The request as a step of the trace that it names, or of a new one.
    fn step(&self, request: &Request) -> trace::Span {
        let mut step = self.tracer.start_request(SpanContext::from_headers(request.headers()));
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
    current: CurrentRequest,
    step: trace::Span,
    traced: Option<Traced>,
}

impl Manner for RequestIds {
    type Kept = Begun;

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let step = self.step(request);
        let traced = step.traced();
        let current = CurrentRequest {
            id: self.next_id(),
            client: ClientAddress::of(request.extensions()),
            trace_id: step.context().map(|context| context.trace_id),
        };
        request.extensions_mut().insert(current.id);
        if let Some(context) = step.context() {
            request.extensions_mut().insert(context);
        }
        Ok(Begun { current, step, traced })
    }

    fn finish(&self, mut begun: Self::Kept, response: &mut Response) {
        if begun.step.is_recording() {
            begun.step.set_attribute("http.response.status_code", response.status().as_str().to_owned());
            if response.status().is_server_error() {
                begun.step.set_error();
            }
        }
        let id = HeaderValue::from_bytes(&begun.current.id.0).expect("base64url is a header value");
        response.headers_mut().insert(X_REQUEST_ID, id);
    }

    fn current(begun: &Self::Kept) -> Option<CurrentRequest> {
        Some(begun.current)
    }

    fn traced(begun: &Self::Kept) -> Option<&Traced> {
        begun.traced.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ClientAddress, CurrentRequest, ID_CHARACTERS, RequestId, RequestIds, X_REQUEST_ID, carried, current_request,
        on_behalf_of,
    };
    use crate::http::manner::Manner as _;
    use crate::random::SystemRandom;
    use crate::trace::Tracer;
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn work_for_another_task_is_on_behalf_of_the_request_that_started_it() {
        let begun = || tokio::spawn(carried(async { current_request().map(|current| current.id) }));
        assert_eq!(begun().await.unwrap(), None);
        let request = CurrentRequest {
            id: RequestId([b'a'; ID_CHARACTERS]),
            client: ClientAddress::new([203, 0, 113, 9].into()),
            trace_id: None,
        };
        let work = on_behalf_of(request, begun);
        assert_eq!(work.await.unwrap(), Some(request.id));
    }

    #[tokio::test]
    async fn each_request_has_an_id_of_its_own_whatever_the_caller_says() {
        let router = Router::new()
            .route(
                "/",
                get(|id: RequestId| async move {
                    tokio::task::yield_now().await;
                    let current = current_request().expect("within a request").id.to_string();
                    assert_eq!(current, id.to_string());
                    current
                }),
            )
            .layer(RequestIds::new(&SystemRandom, Tracer::default()).layer());
        let mut seen = Vec::new();
        for _ in 0..3 {
            let request = Request::get("/").header(X_REQUEST_ID, "mine").body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let header = response.headers()[X_REQUEST_ID].to_str().unwrap().to_owned();
            let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
            assert_eq!(body, header);
            assert_eq!(header.len(), ID_CHARACTERS);
            seen.push(header);
        }
        seen.dedup();
        assert_eq!(seen.len(), 3);
        assert!(current_request().is_none(), "outside of a request there is none");
    }
}
