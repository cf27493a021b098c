//! The administration interface over HTTP, below `/api/admin`: a bearer token in the header, JSON, and the table of operations.
//!
//! Cookies count for nothing here, so no other site can make a browser of an administrator do anything.

mod document;
mod identify;
mod read_input;
mod render;

pub use document::document;

use crate::{
    administration::{self, Operation, Refusal, Verb, operations},
    app::App,
    endpoints::respond::json_no_store,
    error::OAuthError,
    router::paths::ADMIN,
};
use axum::{
    body::Body,
    extract::{MatchedPath, RawPathParams, State, rejection::RawPathParamsRejection},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter},
};
use http::{Method, Request, StatusCode};
use identify::identify;
use serde_json::json;
use shared::{
    http::set_rate_limit_headers,
    rate_limit::{Limit, RateDecision},
};
use std::{collections::BTreeMap, sync::Arc};

/// The name of the limit in headers and counters.
const LIMIT: &str = "administration";

/// What answers at `path`, a path of the router's table: the methods of its operations.
pub fn methods(path: &str) -> MethodRouter<Arc<App>> {
    let there = operations_at(path);
    there.fold(MethodRouter::new(), |methods, operation| methods.on(filter(operation.verb), answer))
}

const fn filter(verb: Verb) -> MethodFilter {
    match verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Put => MethodFilter::PUT,
        Verb::Patch => MethodFilter::PATCH,
        Verb::Delete => MethodFilter::DELETE,
    }
}

fn operations_at(path: &str) -> impl Iterator<Item = &'static Operation> {
    let below = path.strip_prefix(ADMIN).unwrap_or_default().to_owned();
    operations().filter(move |operation| operation.path == below)
}

async fn answer(
    State(app): State<Arc<App>>,
    path: MatchedPath,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Response {
    let path = path.as_str().strip_prefix(app.settings.auth_server.public_url.path()).unwrap_or_default();
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let operation = operations_at(path).find(|operation| operation.verb.as_str() == method);
    // What is no text after decoding is the id of nothing.
    let (Some(operation), Ok(parameters)) = (operation, parameters) else { return nothing_here() };
    let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    perform(&app, operation, parameters, request).await
}

fn nothing_here() -> Response {
    let body = json!({ "error": "not_found", "error_description": "There is nothing with this id." });
    json_no_store(StatusCode::NOT_FOUND, &body)
}

async fn perform(
    app: &App,
    operation: &Operation,
    parameters: BTreeMap<String, String>,
    request: Request<Body>,
) -> Response {
    let now = app.clock.now();
    let actor = match identify(app, request.headers(), operation, now).await {
        Ok(actor) => actor,
        Err(refusal) => return refusal.into_response(),
    };
    let limit = Limit::per_minute(app.settings.auth_server.administration_requests_per_minute);
    // A limit protects us; without its counter we serve rather than shut everybody out.
    let decision = app.limits.check(LIMIT, &actor.to_string(), limit).await.ok();
    let mut response = match decision {
        Some(RateDecision { allowed: false, reset_seconds, .. }) => {
            OAuthError::too_many_requests(reset_seconds).into_response()
        }
        _ => {
            let input = read_input::read_input(operation, parameters, request).await;
            let done = async { administration::perform(app, operation, &actor, &input?, now).await };
            render::render(app, operation, done.await)
        }
    };
    if let Some(decision) = decision {
        set_rate_limit_headers(response.headers_mut(), &[(LIMIT, decision)], now);
    }
    response
}
