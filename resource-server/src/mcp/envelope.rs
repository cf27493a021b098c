//! The JSON-RPC envelope of a POSTed body: parsed once, strictly, and only as deep as the rules need.
//!
//! What is decided here must be what the upstream acts on, so a member that appears twice is refused: two
//! parsers might pick different ones.

use super::{
    json_rpc_error::{INVALID_PARAMS, INVALID_REQUEST, JsonRpcError, PARSE_ERROR},
    request_id::RequestId,
};
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Brackets inside brackets beyond this are refused before anything parses them.
pub const JSON_DEPTH_MAX: usize = 64;
/// A body has no more values; empty brackets count twice. Its length alone does not bound what it costs: as a tree a small value takes a
/// hundred times the bytes that it takes here, and whoever tells methods apart by trying each keeps several trees.
pub const JSON_VALUES_MAX: usize = 20_000;
/// A method name is never longer.
pub const METHOD_MAX_BYTES: usize = 256;

const UNUSABLE_ID: &str = "Invalid Request: id must be an integer or a string of at most 256 bytes";

/// What kind of JSON-RPC message a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Wants an answer.
    Request(RequestId),
    /// Wants none (202).
    Notification,
    /// The client's answer to a request of the server (legacy sessions only).
    Response,
}

/// The parts of a message that rules look at; the body itself goes on unchanged.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Request, notification or response.
    pub kind: Kind,
    /// The method; empty for a response.
    pub method: Box<str>,
    /// What the rules read from `params`.
    pub params: ParamsHead,
}

/// The members of `params` that rules read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ParamsHead {
    /// `params.name`: the tool or prompt.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub name: Option<String>,
    /// `params.uri`: the resource.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub uri: Option<String>,
    /// `params.taskId`.
    #[serde(default, rename = "taskId", deserialize_with = "text_or_nothing")]
    pub task_id: Option<String>,
    /// `params.cursor`: a page of a list.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub cursor: Option<String>,
    /// `params._meta`.
    #[serde(default, rename = "_meta")]
    pub meta: Option<MetaHead>,
}

/// The members of `params._meta` that rules read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct MetaHead {
    /// The revision this request speaks (MCP 2026-07-28).
    #[serde(default, rename = "io.modelcontextprotocol/protocolVersion", deserialize_with = "text_or_nothing")]
    pub protocol_version: Option<String>,
    /// Where in which trace the client sends this (W3C Trace Context, as MCP carries it).
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub traceparent: Option<String>,
    /// And what other tracing systems say of it.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub tracestate: Option<String>,
    /// Whether the client's capabilities are there, as an object.
    #[serde(default, rename = "io.modelcontextprotocol/clientCapabilities", deserialize_with = "is_object")]
    pub has_client_capabilities: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default)]
    jsonrpc: Option<String>,
    #[serde(default, borrow, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default, borrow, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Some even for an explicit `null`, which `Option` alone would swallow.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The text of a string; anything else counts as absent, and the rule that needs it refuses.
fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

fn is_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    <&RawValue>::deserialize(deserializer).map(|raw| raw.get().starts_with('{'))
}

/// Reads the envelope of `body`.
///
/// # Errors
/// The JSON-RPC answer to send, always with HTTP status 400: -32700 for what is no JSON (or too deep, or of too many values), -32600 for
/// batches (which [`super::batch`] takes apart) and for what is no JSON-RPC 2.0 message, -32602 for `params` that are no object.
pub fn parse(body: &[u8]) -> Result<Envelope, JsonRpcError> {
    check_shape(body)?;
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(b'[') => return Err(refused(INVALID_REQUEST, "Invalid Request: batches are not supported")),
        Some(_) => return Err(refused(PARSE_ERROR, "Parse error: a message is a JSON object")),
        None => return Err(refused(PARSE_ERROR, "Parse error: the body is empty")),
    }
    let wire: Wire<'_> = serde_json::from_slice(body).map_err(|cause| match cause.classify() {
        serde_json::error::Category::Data => refused(INVALID_REQUEST, "Invalid Request"),
        _ => parse_error(&cause),
    })?;
    let id = match wire.id {
        None => None,
        Some(raw) => Some(RequestId::from_json(raw).ok_or_else(|| refused(INVALID_REQUEST, UNUSABLE_ID))?),
    };
    let invalid = |message| refused(INVALID_REQUEST, message).answering(id.as_ref());
    if wire.jsonrpc.as_deref() != Some("2.0") {
        return Err(invalid("Invalid Request: jsonrpc must be \"2.0\""));
    }
    let Some(method) = wire.method else {
        return response(id.as_ref(), wire.result.is_some(), wire.error.is_some());
    };
    if method.is_empty() || method.len() > METHOD_MAX_BYTES || wire.result.is_some() || wire.error.is_some() {
        return Err(invalid("Invalid Request"));
    }
    let params = params_head(wire.params).map_err(|error| error.answering(id.as_ref()))?;
    Ok(Envelope { kind: id.map_or(Kind::Notification, Kind::Request), method: method.into(), params })
}

fn response(id: Option<&RequestId>, has_result: bool, has_error: bool) -> Result<Envelope, JsonRpcError> {
    if has_result == has_error || (has_result && id.is_none()) {
        return Err(refused(INVALID_REQUEST, "Invalid Request").answering(id));
    }
    Ok(Envelope { kind: Kind::Response, method: "".into(), params: ParamsHead::default() })
}

fn params_head(raw: Option<&RawValue>) -> Result<ParamsHead, JsonRpcError> {
    let Some(raw) = raw else { return Ok(ParamsHead::default()) };
    // A derived struct would read an array as its fields in order.
    if !raw.get().starts_with('{') {
        return Err(refused(INVALID_PARAMS, "Invalid params: params must be an object"));
    }
    serde_json::from_str(raw.get()).map_err(|_| refused(INVALID_PARAMS, "Invalid params"))
}

/// Says where; what stands there goes nowhere.
pub(super) fn parse_error(cause: &serde_json::Error) -> JsonRpcError {
    let message = format!("Parse error at line {}, column {}", cause.line(), cause.column());
    JsonRpcError::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message)
}

fn refused(code: i64, message: &'static str) -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_REQUEST, code, message)
}

/// Whether `body` may be parsed: no deeper than [`JSON_DEPTH_MAX`], no more values than [`JSON_VALUES_MAX`]. One pass, no recursion; what is
/// in strings does not count.
pub(super) fn check_shape(body: &[u8]) -> Result<(), JsonRpcError> {
    let (mut depth, mut values, mut in_string, mut escaped) = (0_usize, 1_usize, false, false);
    for byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            // Every value but the first comes after a comma or a bracket.
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(refused(PARSE_ERROR, "Parse error: nested too deeply"));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if values > JSON_VALUES_MAX {
        return Err(refused(PARSE_ERROR, "Parse error: too many values"));
    }
    Ok(())
}

impl Envelope {
    /// The id to answer to; none for notifications and responses.
    pub fn id(&self) -> Option<&RequestId> {
        match &self.kind {
            Kind::Request(id) => Some(id),
            Kind::Notification | Kind::Response => None,
        }
    }

    /// The revision named in `_meta`.
    pub fn meta_version(&self) -> Option<&str> {
        self.params.meta.as_ref().and_then(|meta| meta.protocol_version.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::{INVALID_PARAMS, INVALID_REQUEST, JSON_DEPTH_MAX, JSON_VALUES_MAX, Kind, PARSE_ERROR, parse};

    fn code(body: &str) -> i64 {
        parse(body.as_bytes()).map(|envelope| panic!("{envelope:?}")).unwrap_or_else(|error| error.code)
    }

    #[test]
    fn reads_requests_notifications_and_responses() {
        let call = parse(
            br#" {"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"whoami","arguments":{"name":1}}}"#,
        )
        .expect("a request");
        assert!(matches!(&call.kind, Kind::Request(id) if id.as_json() == "\"x\""));
        assert_eq!((&*call.method, call.params.name.as_deref()), ("tools/call", Some("whoami")));
        let note = parse(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).expect("a notification");
        assert_eq!(note.kind, Kind::Notification);
        let response = parse(br#"{"jsonrpc":"2.0","id":7,"result":{}}"#).expect("a response");
        assert_eq!(response.kind, Kind::Response);
    }

    #[test]
    fn refuses_what_is_no_json() {
        for body in ["", " ", "x", "{", "{\"jsonrpc\":\"2.0\",}", "nul", "\u{feff}{}"] {
            assert_eq!(code(body), PARSE_ERROR, "{body}");
        }
        assert_eq!(
            parse(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").expect_err("no UTF-8").code,
            PARSE_ERROR
        );
    }

    #[test]
    fn refuses_what_is_no_message() {
        for body in [
            "[]",
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
        ] {
            assert_eq!(code(body), INVALID_REQUEST, "{body}");
        }
    }

    #[test]
    fn refuses_params_that_two_parsers_could_read_differently() {
        for params in [
            r#"["clear_events"]"#,
            "1",
            "null",
            r#"{"name":"whoami","name":"clear_events"}"#,
            r#"{"name":"whoami","n\u0061me":"clear_events"}"#,
            r#"{"_meta":{},"_meta":{}}"#,
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            let error = parse(body.as_bytes()).expect_err(params);
            assert_eq!(error.code, INVALID_PARAMS, "{params}");
            assert_eq!(error.id.as_ref().map(|id| id.as_json()), Some("1"));
        }
    }

    #[test]
    fn bounds_the_depth_but_not_brackets_in_text() {
        let nested = |levels: usize| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{}{}}}}}"#,
                "[".repeat(levels),
                "]".repeat(levels)
            )
        };
        assert!(parse(nested(JSON_DEPTH_MAX - 2).as_bytes()).is_ok());
        assert_eq!(code(&nested(JSON_DEPTH_MAX - 1)), PARSE_ERROR);
        assert_eq!(code(&nested(100_000)), PARSE_ERROR);
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":"\"{}"}}}}"#, "[".repeat(500));
        assert!(parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn bounds_the_number_of_values_but_not_commas_in_text() {
        let listed = |values: usize| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":[{}0]}}}}"#, "0,".repeat(values - 1))
        };
        // The three brackets, and the three other members.
        let others = 1 + 3 + 3;
        assert!(parse(listed(JSON_VALUES_MAX - others + 1).as_bytes()).is_ok());
        for body in [listed(JSON_VALUES_MAX - others + 2), listed(500_000)] {
            let error = parse(body.as_bytes()).expect_err("too many");
            assert_eq!((error.code, &*error.message), (PARSE_ERROR, "Parse error: too many values"));
        }
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":"\"{}"}}}}"#, ",[".repeat(50_000));
        assert!(parse(text.as_bytes()).is_ok());
    }
}
