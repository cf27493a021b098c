//! Every URL of this server, in one table.

use crate::{
    config::Settings,
    issuer::documents::Document,
    mcp::{cors::McpCors, endpoint_methods},
    metadata::Metadata,
    pipeline::Pipeline,
    refusal::Refusal,
};
use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, any, get},
};
use http::{HeaderValue, Method, StatusCode, header::ALLOW};
use shared::{
    http::{AccessLog, ClientAddresses, Cors, HEALTH_PATHS, Manner, RequestIds, SecurityHeaders},
    protocol::well_known::{AUTHORIZATION_SERVER, OPENID_CONFIGURATION, PROTECTED_RESOURCE},
};
use std::{collections::BTreeSet, sync::Arc};

/// The documents. The server has one resource, so each is at the root, before the MCP path (RFC 9728 §3.1, RFC 8414 §3.1),
/// and behind it, where some clients append it.
const DOCUMENTS: [(&str, Answers); 3] = [
    (PROTECTED_RESOURCE, || get(answer_protected_resource)),
    // For clients that take the resource server for the authorization server: the issuer's own words.
    (AUTHORIZATION_SERVER, || get(answer_authorization_server)),
    (OPENID_CONFIGURATION, || get(answer_openid_configuration)),
];

type Answers = fn() -> MethodRouter<Arc<Metadata>>;

/// Every path, as axum writes it: what requests are counted by.
pub fn routes(mcp_path: &str) -> Vec<String> {
    let documents = DOCUMENTS.iter().flat_map(|(name, _)| places(name, mcp_path));
    let endpoint = [mcp_path.to_owned(), format!("{mcp_path}/")];
    endpoint.into_iter().chain(documents).chain(HEALTH_PATHS.map(str::to_owned)).collect()
}

fn places(document: &str, mcp_path: &str) -> BTreeSet<String> {
    BTreeSet::from([document.to_owned(), format!("{document}{mcp_path}"), format!("{mcp_path}{document}")])
}

/// The MCP endpoint, the documents about it and `health`, with the manners around all of them.
pub fn router(
    settings: &Settings,
    pipeline: Arc<Pipeline>,
    metadata: Arc<Metadata>,
    health: Router,
    log: (RequestIds, AccessLog),
) -> Router {
    let own = &settings.resource_server;
    let around = ClientAddresses::new(settings.shared.trusted_proxies.clone())
        .and(log)
        .and(SecurityHeaders::new(&own.public_url));
    // Every layer costs every request boxes and copies: what goes around all of them is one layer with what goes around some.
    let around = Arc::new(around);
    let nothing_here = format!(
        "There is nothing here. The MCP endpoint is {}\nThe authorization server is {}\n",
        settings.resource(),
        settings.issuers().next().unwrap_or_default()
    );
    let nothing = any(move || std::future::ready((StatusCode::NOT_FOUND, nothing_here.clone())));
    Router::new()
        .merge(mcp(settings.endpoint_path(), pipeline, around.clone()))
        .merge(documents(settings.endpoint_path(), metadata, around.clone()))
        .merge(health.layer(around.clone().layer()))
        .fallback_service(nothing.layer(around.layer()))
}

fn mcp(path: &str, pipeline: Arc<Pipeline>, around: impl Manner) -> Router {
    let methods = endpoint_methods::allow(pipeline.sessions.is_some());
    let refusals = pipeline.refusals.clone();
    let refuse = move || refusals.write(&Refusal::ForeignOrigin);
    let cors = McpCors::new(pipeline.host_and_origin.clone(), methods, refuse);
    // People type it with a slash at its end; the resource is the same. At the root there is nothing but that slash.
    let mut router = Router::new().route(&format!("{path}/"), any(answer_mcp));
    if !path.is_empty() {
        router = router.route(path, any(answer_mcp));
    }
    router.with_state(pipeline).layer(around.and(cors).layer())
}

fn documents(path: &str, metadata: Arc<Metadata>, around: impl Manner) -> Router {
    let mut router = Router::new();
    for (name, answers) in DOCUMENTS {
        for place in places(name, path) {
            router = router.route(&place, answers());
        }
    }
    router
        .method_not_allowed_fallback(answer_other_method)
        .with_state(metadata)
        .layer(around.and(Cors::public().with_methods("GET, HEAD, OPTIONS")).layer())
}

async fn answer_mcp(State(pipeline): State<Arc<Pipeline>>, request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return options(endpoint_methods::allow(pipeline.sessions.is_some()));
    }
    pipeline.handle(request).await
}

async fn answer_protected_resource(State(metadata): State<Arc<Metadata>>) -> Response {
    metadata.protected_resource()
}

async fn answer_authorization_server(State(metadata): State<Arc<Metadata>>) -> Response {
    metadata.issuer_document(Document::AuthorizationServer).await
}

async fn answer_openid_configuration(State(metadata): State<Arc<Metadata>>) -> Response {
    metadata.issuer_document(Document::OpenidConfiguration).await
}

async fn answer_other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        options("GET, HEAD, OPTIONS")
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

fn options(allow: &'static str) -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, HeaderValue::from_static(allow))]).into_response()
}
