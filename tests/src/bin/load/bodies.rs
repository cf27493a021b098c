//! The requests that the rows send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use serde_json::json;

use system_tests::oauth_client::OAuthClient;

use crate::http_client::Request;

const FORM: &str = "application/x-www-form-urlencoded";
/// The revision of MCP that has subscriptions without a session.
const REVISION: &str = "2026-07-28";

/// Credentials of a client.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// A POST to the token endpoint, authenticated when credentials are given.
pub fn token_request(body: String, credentials: Option<&Credentials>) -> anyhow::Result<Request> {
    form_request("/oauth2/token", body, credentials)
}

/// A client-credentials request for a resource.
pub fn client_credentials(credentials: &Credentials, resource: &str) -> anyhow::Result<Request> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("grant_type", "client_credentials").append_pair("resource", resource);
    token_request(body.finish(), Some(credentials))
}

/// An introspection request.
pub fn introspection(credentials: &Credentials, token: &str) -> anyhow::Result<Request> {
    form_request("/oauth2/introspect", format!("token={token}"), Some(credentials))
}

/// A public client gives its refresh token back, and its grant with it (RFC 7009).
pub fn revocation(client: &OAuthClient) -> anyhow::Result<Request> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("client_id", &client.client_id).append_pair("token", &client.refresh_token);
    form_request("/oauth2/revoke", body.finish(), None)
}

/// `tools/list` at the MCP endpoint.
pub fn tools_list(token: &str) -> anyhow::Result<Request> {
    mcp_request(token, &[], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#.to_owned())
}

/// `subscriptions/listen` of MCP 2026-07-28 at the MCP endpoint: its answer ends with the token.
pub fn listen(token: &str) -> anyhow::Result<Request> {
    let more = [
        (HeaderName::from_static("mcp-protocol-version"), REVISION),
        (HeaderName::from_static("mcp-method"), "subscriptions/listen"),
    ];
    let params = json!({
        "notifications": {"toolsListChanged": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params});
    mcp_request(token, &more, message.to_string())
}

fn mcp_request(token: &str, more: &[(HeaderName, &str)], message: String) -> anyhow::Result<Request> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        (AUTHORIZATION, bearer.as_str()),
        (ACCEPT, "application/json, text/event-stream"),
        (CONTENT_TYPE, "application/json"),
    ];
    headers.extend_from_slice(more);
    Request::post("/mcp", &headers, message)
}

fn form_request(path: &str, body: String, credentials: Option<&Credentials>) -> anyhow::Result<Request> {
    let basic = credentials
        .map(|known| format!("Basic {}", STANDARD.encode(format!("{}:{}", known.client_id, known.client_secret))));
    let mut headers = vec![(CONTENT_TYPE, FORM)];
    headers.extend(basic.as_deref().map(|basic| (AUTHORIZATION, basic)));
    Request::post(path, &headers, body)
}
