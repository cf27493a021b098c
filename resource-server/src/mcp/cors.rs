//! CORS of the MCP endpoint: the pages that may call are those whose `Origin` the endpoint answers, preflights included.

use super::host_and_origin::HostAndOrigin;
use axum::{extract::Request, response::Response};
use http::{HeaderValue, Method, header};
use shared::http::{Cors, Manner};
use std::sync::Arc;

/// The policy.
pub struct McpCors {
    public: Cors,
    allowed: Arc<HostAndOrigin>,
    refuse: Box<dyn Fn() -> Response + Send + Sync>,
}

impl McpCors {
    /// Pages that `allowed` names, others get what `refuse` says to their preflights.
    pub fn new(
        allowed: Arc<HostAndOrigin>,
        methods: &'static str,
        refuse: impl Fn() -> Response + Send + Sync + 'static,
    ) -> Self {
        // No credentials travel, so that the answer may name every page: foreign ones were refused before.
        Self { public: Cors::public().with_methods(methods), allowed, refuse: Box::new(refuse) }
    }
}

impl Manner for McpCors {
    type Kept = Option<<Cors as Manner>::Kept>;

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(None) };
        if origins.next().is_none() && origin.to_str().is_ok_and(|origin| self.allowed.allows_origin(origin)) {
            return self.public.begin(request).map(Some);
        }
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if preflight { Err(Box::new((self.refuse)())) } else { Ok(None) }
    }

    fn finish(&self, kept: Self::Kept, response: &mut Response) {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(kept) = kept {
            self.public.finish(kept, response);
        }
    }
}
