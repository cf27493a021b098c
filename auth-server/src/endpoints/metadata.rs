//! The metadata documents (RFC 8414, OpenID Connect Discovery 1.0), made from what is routed: nothing is advertised that is
//! not served.

use crate::{
    app::App,
    authorization::Prompt,
    clients::{AuthMethod, GrantType, openid_metadata::SUBJECT_TYPE, registration::OFFLINE_ACCESS},
    endpoints::public_document,
    identity::{self, claims::CLAIMS},
    router::{Routed, paths},
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use shared::protocol::{
    authorization_server_metadata::AuthorizationServerMetadata, jwk::JwsAlgorithm, token_algorithm::TokenAlgorithm,
};
use std::sync::Arc;

/// How long caches may keep the documents.
pub const MAX_AGE_SECONDS: u32 = 300;

/// RFC 8414 §3.
pub async fn authorization_server(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    public_document::answer(&with_openid(&app, document(&app)), MAX_AGE_SECONDS, &headers)
}

/// OpenID Connect Discovery 1.0 §4: the same document.
pub async fn openid_configuration(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    public_document::answer(&with_openid(&app, document(&app)), MAX_AGE_SECONDS, &headers)
}

/// OpenID Connect Discovery 1.0 §3, RP-Initiated Logout 1.0 §2.1.
fn with_openid(app: &App, document: AuthorizationServerMetadata) -> AuthorizationServerMetadata {
    let routed = Routed::of(&app.settings);
    let endpoint = |path: &str| routed.has(path).then(|| format!("{}{path}", app.issuer));
    AuthorizationServerMetadata {
        userinfo_endpoint: endpoint(paths::USERINFO),
        end_session_endpoint: endpoint(paths::END_SESSION),
        subject_types_supported: vec![SUBJECT_TYPE.to_owned()],
        id_token_signing_alg_values_supported: own_algorithms(),
        claims_supported: CLAIMS.map(str::to_owned).to_vec(),
        claims_parameter_supported: Some(false),
        request_parameter_supported: Some(false),
        request_uri_parameter_supported: Some(false),
        prompt_values_supported: Prompt::WORDS.map(str::to_owned).to_vec(),
        ..document
    }
}

fn document(app: &App) -> AuthorizationServerMetadata {
    let routed = Routed::of(&app.settings);
    let endpoint = |path: &str| routed.has(path).then(|| format!("{}{path}", app.issuer));
    let methods = |path: &str| if routed.has(path) { auth_methods(path != paths::INTROSPECT) } else { Vec::new() };
    let algorithms = |path: &str| if routed.has(path) { assertion_algorithms() } else { Vec::new() };
    AuthorizationServerMetadata {
        issuer: app.issuer.clone(),
        authorization_endpoint: endpoint(paths::AUTHORIZE),
        token_endpoint: endpoint(paths::TOKEN),
        jwks_uri: endpoint(paths::JWKS),
        registration_endpoint: endpoint(paths::REGISTER),
        scopes_supported: scopes(app),
        response_types_supported: vec!["code".to_owned()],
        response_modes_supported: vec!["query".to_owned()],
        grant_types_supported: GrantType::ALL.iter().map(|grant| grant.as_str().to_owned()).collect(),
        token_endpoint_auth_methods_supported: methods(paths::TOKEN),
        token_endpoint_auth_signing_alg_values_supported: algorithms(paths::TOKEN),
        revocation_endpoint: endpoint(paths::REVOKE),
        revocation_endpoint_auth_methods_supported: methods(paths::REVOKE),
        revocation_endpoint_auth_signing_alg_values_supported: algorithms(paths::REVOKE),
        introspection_endpoint: endpoint(paths::INTROSPECT),
        introspection_endpoint_auth_methods_supported: methods(paths::INTROSPECT),
        introspection_endpoint_auth_signing_alg_values_supported: algorithms(paths::INTROSPECT),
        code_challenge_methods_supported: vec!["S256".to_owned()],
        authorization_response_iss_parameter_supported: Some(true),
        ..AuthorizationServerMetadata::default()
    }
}

/// The scopes of every resource, those of OpenID Connect, and the one by which clients ask for refresh tokens; management is not advertised.
fn scopes(app: &App) -> Vec<String> {
    let mut scopes = app.resources.all_scopes().union(&identity::scopes::all());
    scopes.insert(OFFLINE_ACCESS);
    scopes.iter().map(str::to_owned).collect()
}

fn auth_methods(public_clients_too: bool) -> Vec<String> {
    let methods = AuthMethod::ALL.into_iter().filter(|method| public_clients_too || *method != AuthMethod::None);
    methods.map(|method| method.as_str().to_owned()).collect()
}

fn assertion_algorithms() -> Vec<String> {
    JwsAlgorithm::CLIENT.iter().map(|algorithm| algorithm.as_str().to_owned()).collect()
}

fn own_algorithms() -> Vec<String> {
    TokenAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str().to_owned()).collect()
}
