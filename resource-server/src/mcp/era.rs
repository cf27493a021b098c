//! Which era a message belongs to: one endpoint serves today's clients and the stateless revision of 2026-07-28.
//!
//! The body decides; the headers that intermediaries route by must agree with it (MCP 2026-07-28, Streamable HTTP).

use super::{
    envelope::{Envelope, Kind},
    json_rpc_error::{
        HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, JsonRpcError, METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION,
    },
};
use base64::Engine as _;
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::json;

/// The first stateless revision.
pub const FIRST_MODERN_VERSION: &str = "2026-07-28";
/// Every revision this server speaks, oldest first.
pub const SUPPORTED_VERSIONS: [&str; 5] =
    ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", FIRST_MODERN_VERSION];

/// The one revision in which a body may hold several messages, and what a request without a version speaks.
const BATCHING_VERSION: &str = "2025-03-26";

/// The header that names the revision.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The header that mirrors the method.
pub const METHOD_HEADER: HeaderName = HeaderName::from_static("mcp-method");
/// The header that mirrors the tool, prompt, resource or task.
pub const NAME_HEADER: HeaderName = HeaderName::from_static("mcp-name");

/// Methods that ended with the revisions before 2026-07-28; an upstream may still know them.
const REMOVED_METHODS: [&str; 4] = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// The two ways of speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 2025-11-25: `initialize`, optional sessions.
    Legacy,
    /// From 2026-07-28: every request carries its own metadata; no sessions.
    Modern,
}

/// The era of a request without a body (GET, DELETE), by its version header.
pub fn of_headers(headers: &HeaderMap) -> Era {
    match text(headers, &VERSION_HEADER) {
        Some(version) if is_modern(version) => Era::Modern,
        _ => Era::Legacy,
    }
}

/// The era of a message.
///
/// # Errors
/// The JSON-RPC answer to send, with HTTP status 400: -32022 for a revision nobody speaks, -32020 for headers that
/// are missing, repeated or contradict the body, -32602 for missing metadata; with 404: -32601 for a method that the
/// stateless revision removed.
pub fn of_message(envelope: &Envelope, headers: &HeaderMap) -> Result<Era, JsonRpcError> {
    decide(envelope, headers).map_err(|error| error.answering(envelope.id()))
}

/// Whether a client with these headers may send batches.
///
/// # Errors
/// The JSON-RPC answer to send with HTTP status 400: -32600 in every other revision, -32022 for one that nobody speaks, -32020 for
/// headers that contradict each other.
pub fn check_batch(headers: &HeaderMap) -> Result<(), JsonRpcError> {
    match version_header(headers)? {
        None | Some(BATCHING_VERSION) => Ok(()),
        Some(version) if !SUPPORTED_VERSIONS.contains(&version) => Err(unsupported(version)),
        Some(_) => {
            let message = "Invalid Request: this revision has no batches";
            Err(JsonRpcError::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message))
        }
    }
}

/// The era of a message that came in a batch.
///
/// # Errors
/// As [`of_message`]; -32600 for what cannot be in one: the handshake, and messages of the stateless revision.
pub fn of_batched_message(envelope: &Envelope, headers: &HeaderMap) -> Result<Era, JsonRpcError> {
    let era = of_message(envelope, headers)?;
    if era == Era::Legacy && &*envelope.method != "initialize" {
        return Ok(era);
    }
    let message = "Invalid Request: this message cannot be in a batch";
    Err(JsonRpcError::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message).answering(envelope.id()))
}

fn decide(envelope: &Envelope, headers: &HeaderMap) -> Result<Era, JsonRpcError> {
    let header = version_header(headers)?;
    if &*envelope.method == "initialize" {
        return Ok(Era::Legacy);
    }
    let meta = envelope.meta_version();
    if let (Some(meta), header) = (meta, header)
        && header != Some(meta)
    {
        return Err(mismatch("MCP-Protocol-Version must equal the protocolVersion in _meta"));
    }
    if let Some(version) = meta.or(header)
        && !SUPPORTED_VERSIONS.contains(&version)
    {
        return Err(unsupported(version));
    }
    let modern = meta.is_some() || header.is_some_and(is_modern) || &*envelope.method == "server/discover";
    if !modern {
        return Ok(Era::Legacy);
    }
    if matches!(envelope.kind, Kind::Request(_)) {
        check_metadata(envelope)?;
    }
    check_mirrored_headers(envelope, headers)?;
    if REMOVED_METHODS.contains(&&*envelope.method) {
        return Err(JsonRpcError::new(StatusCode::NOT_FOUND, METHOD_NOT_FOUND, "Method not found"));
    }
    Ok(Era::Modern)
}

fn version_header(headers: &HeaderMap) -> Result<Option<&str>, JsonRpcError> {
    let mut values = headers.get_all(&VERSION_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| mismatch("MCP-Protocol-Version is not readable")),
        (Some(_), Some(_)) => Err(mismatch("MCP-Protocol-Version is given more than once")),
    }
}

fn check_metadata(envelope: &Envelope) -> Result<(), JsonRpcError> {
    let complete = envelope
        .params
        .meta
        .as_ref()
        .is_some_and(|meta| meta.protocol_version.is_some() && meta.has_client_capabilities);
    if complete {
        return Ok(());
    }
    Err(JsonRpcError::new(
        StatusCode::BAD_REQUEST,
        INVALID_PARAMS,
        "Invalid params: _meta needs io.modelcontextprotocol/protocolVersion and clientCapabilities",
    ))
}

fn check_mirrored_headers(envelope: &Envelope, headers: &HeaderMap) -> Result<(), JsonRpcError> {
    if envelope.kind == Kind::Response {
        return Ok(());
    }
    if single(headers, &METHOD_HEADER)? != Some(&*envelope.method) {
        return Err(mismatch("Mcp-Method must equal the method of the body"));
    }
    let named = match &*envelope.method {
        "tools/call" | "prompts/get" => envelope.params.name.as_deref(),
        "resources/read" => envelope.params.uri.as_deref(),
        "tasks/get" | "tasks/update" | "tasks/cancel" => envelope.params.task_id.as_deref(),
        _ => return Ok(()),
    };
    let header = single(headers, &NAME_HEADER)?.map(decoded);
    match (named, header) {
        (Some(named), Some(Some(header))) if named == header => Ok(()),
        (None, _) => Ok(()), // the method's own rule refuses a missing name
        _ => Err(mismatch("Mcp-Name must equal the name in the body")),
    }
}

/// Text that is not plain ASCII travels as `=?base64?…?=`.
fn decoded(value: &str) -> Option<String> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(value.to_owned());
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok()
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, JsonRpcError> {
    if headers.get_all(name).iter().nth(1).is_some() {
        return Err(mismatch("a mirrored header is given more than once"));
    }
    Ok(text(headers, name))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_modern(version: &str) -> bool {
    // Revisions are dates, so they order as text.
    version >= FIRST_MODERN_VERSION
}

fn mismatch(message: &'static str) -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
}

fn unsupported(requested: &str) -> JsonRpcError {
    let requested: String = requested.chars().take(64).collect();
    JsonRpcError::new(StatusCode::BAD_REQUEST, UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version")
        .with_data(json!({"requested": requested, "supported": SUPPORTED_VERSIONS}))
}

#[cfg(test)]
mod tests {
    use super::{Era, HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_PROTOCOL_VERSION, of_headers, of_message};
    use crate::mcp::envelope::parse;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn era(body: &str, pairs: &[(&'static str, &'static str)]) -> Result<Era, i64> {
        let envelope = parse(body.as_bytes()).expect("a message");
        of_message(&envelope, &headers(pairs)).map_err(|error| error.code)
    }

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    #[test]
    fn a_plain_post_is_legacy() {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(era(list, &[]), Ok(Era::Legacy));
        assert_eq!(era(list, &[("mcp-protocol-version", "2025-06-18")]), Ok(Era::Legacy));
        assert_eq!(era(list, &[("mcp-protocol-version", "1999-01-01")]), Err(UNSUPPORTED_PROTOCOL_VERSION));
        assert_eq!(era(list, &[("mcp-protocol-version", "2026-07-28")]), Err(INVALID_PARAMS));
        let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2099-01-01"}}"#;
        assert_eq!(era(initialize, &[]), Ok(Era::Legacy));
        assert_eq!(of_headers(&headers(&[("mcp-protocol-version", "2026-07-28")])), Era::Modern);
        assert_eq!(of_headers(&headers(&[])), Era::Legacy);
    }

    #[test]
    fn metadata_makes_it_modern_and_the_headers_must_agree() {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"wörld",{META}}}}}"#);
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        assert_eq!(era(&call, &[version, method, ("mcp-name", "=?base64?d8O2cmxk?=")]), Ok(Era::Modern));
        assert_eq!(era(&call, &[version, method, ("mcp-name", "world")]), Err(HEADER_MISMATCH));
        assert_eq!(era(&call, &[version, method]), Err(HEADER_MISMATCH));
        assert_eq!(era(&call, &[version, ("mcp-method", "tools/list")]), Err(HEADER_MISMATCH));
        assert_eq!(era(&call, &[version]), Err(HEADER_MISMATCH));
        let name = ("mcp-name", "=?base64?d8O2cmxk?=");
        assert_eq!(era(&call, &[("mcp-protocol-version", "2025-11-25"), method, name]), Err(HEADER_MISMATCH));
        assert_eq!(era(&call, &[method, name]), Err(HEADER_MISMATCH));
        let twice = headers(&[version, method]).into_iter().chain(headers(&[version])).fold(
            HeaderMap::new(),
            |mut all, (name, value)| {
                all.append(name.expect("named"), value);
                all
            },
        );
        let envelope = parse(call.as_bytes()).expect("a message");
        assert_eq!(of_message(&envelope, &twice).map_err(|error| error.code), Err(HEADER_MISMATCH));
    }

    #[test]
    fn modern_requests_need_their_metadata() {
        let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
        assert_eq!(era(discover, &[]), Err(INVALID_PARAMS));
        let capabilities = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":null}}}"#;
        assert_eq!(
            era(capabilities, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")]),
            Err(INVALID_PARAMS)
        );
        let future = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01"}}}"#;
        assert_eq!(era(future, &[("mcp-protocol-version", "2099-01-01")]), Err(UNSUPPORTED_PROTOCOL_VERSION));
        let note = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
        assert_eq!(
            era(note, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "notifications/cancelled")]),
            Ok(Era::Modern)
        );
    }
}
