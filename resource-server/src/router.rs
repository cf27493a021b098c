//! Every URL of this server, in one table.

use crate::{
    issuer::documents::Document,
    mcp::{cors::McpCors, endpoint_methods},
    metadata::{AUTHORIZATION_SERVER, Metadata, OPENID_CONFIGURATION, PROTECTED_RESOURCE},
    pipeline::Pipeline,
    refusal::Refusal,
};
use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use http::{HeaderValue, Method, StatusCode, header::ALLOW};
use shared::http::{Cors, Manner as _};
use std::sync::Arc;

/// The MCP endpoint at `path` and the documents about it. Health and the manners around all come from the application.
pub fn router(path: &str, pipeline: Arc<Pipeline>, metadata: Arc<Metadata>) -> Router {
    let methods = endpoint_methods::allow(pipeline.sessions.is_some());
    let refusals = pipeline.refusals.clone();
    let refuse = move || refusals.write(&Refusal::ForeignOrigin);
    let cors = McpCors::new(pipeline.host_and_origin.clone(), methods, refuse);
    let mcp = Router::new()
        .route(path, any(answer_mcp))
        // People type it with a slash at its end; the resource is the same.
        .route(&format!("{path}/"), any(answer_mcp))
        .with_state(pipeline)
        .layer(cors.layer());
    let documents = Router::new()
        // The only resource: its metadata is also at the root (RFC 9728 §3, MCP Authorization Server Discovery), and where some clients append it.
        .route(PROTECTED_RESOURCE, get(answer_protected_resource))
        .route(&format!("{PROTECTED_RESOURCE}{path}"), get(answer_protected_resource))
        .route(&format!("{path}{PROTECTED_RESOURCE}"), get(answer_protected_resource))
        // For clients that take the resource server for the authorization server: the issuer's own words.
        .route(AUTHORIZATION_SERVER, get(answer_authorization_server))
        .route(&format!("{AUTHORIZATION_SERVER}{path}"), get(answer_authorization_server))
        .route(&format!("{path}{AUTHORIZATION_SERVER}"), get(answer_authorization_server))
        .route(OPENID_CONFIGURATION, get(answer_openid_configuration))
        .route(&format!("{OPENID_CONFIGURATION}{path}"), get(answer_openid_configuration))
        .route(&format!("{path}{OPENID_CONFIGURATION}"), get(answer_openid_configuration))
        .method_not_allowed_fallback(answer_other_method)
        .with_state(metadata)
        .layer(Cors::public().with_methods("GET, HEAD, OPTIONS").layer());
    Router::new().merge(mcp).merge(documents)
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
