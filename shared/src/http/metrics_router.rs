//! `/metrics`, for a listener of its own that nobody reaches from outside.

use crate::metrics::Page;
use axum::Router;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::future::Future;

/// Where a Prometheus server asks.
pub const METRICS_PATH: &str = "/metrics";

/// The one route; `page` is made anew whenever somebody asks.
pub fn metrics_router<F, Fut>(page: F) -> Router
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Page> + Send,
{
    let answer = move || async move {
        let headers = [(CONTENT_TYPE, Page::CONTENT_TYPE), (CACHE_CONTROL, "no-store")];
        (headers, page().await.into_text())
    };
    Router::new().route(METRICS_PATH, get(answer))
}
