//! JSON-RPC error answers: code, constant message, the request's id echoed exactly.

use super::request_id::RequestId;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use std::borrow::Cow;

/// Not JSON (JSON-RPC 2.0 §5.1).
pub const PARSE_ERROR: i64 = -32700;
/// JSON, but no request this server takes.
pub const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters are wrong; also an unknown tool (MCP 2026-07-28).
pub const INVALID_PARAMS: i64 = -32602;
/// Something broke here; the cause is in the log only.
pub const INTERNAL_ERROR: i64 = -32603;
/// A mirrored header contradicts the body (MCP 2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The protocol revision is not spoken here (MCP 2026-07-28).
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
/// Refused before a JSON-RPC rule applied: authorization, limits, availability.
pub const REFUSED: i64 = -32000;

/// One JSON-RPC error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonRpcError {
    /// Status of the HTTP answer that carries it.
    pub status: StatusCode,
    /// The JSON-RPC code.
    pub code: i64,
    /// What a person reads; never a cause, a path or a statement.
    pub message: Cow<'static, str>,
    /// Structured detail.
    pub data: Option<Value>,
    /// The id of the request; `null` when it could not be read.
    pub id: Option<RequestId>,
}

impl JsonRpcError {
    /// An error without data and, so far, without id.
    pub fn new(status: StatusCode, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), data: None, id: None }
    }

    /// The same error as the answer to the request `id`.
    pub fn answering(mut self, id: Option<&RequestId>) -> Self {
        self.id = id.cloned();
        self
    }

    /// The same error with structured detail.
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The JSON of the answer's body.
    pub fn body(&self) -> Bytes {
        let id = self.id.as_ref().map_or("null", RequestId::as_json);
        let message = Value::from(self.message.as_ref());
        let data = self.data.as_ref().map(|data| format!(",\"data\":{data}")).unwrap_or_default();
        let code = self.code;
        Bytes::from(format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{message}{data}}}}}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{INVALID_PARAMS, JsonRpcError, PARSE_ERROR, RequestId};
    use http::StatusCode;
    use serde_json::{json, value::RawValue};

    #[test]
    fn echoes_the_id_as_sent_and_escapes_the_message() {
        let raw = RawValue::from_string("\"caf\\u00e9\"".to_owned()).expect("valid JSON");
        let id = RequestId::from_json(&raw);
        let error = JsonRpcError::new(StatusCode::OK, INVALID_PARAMS, "Tool not found: a\"b")
            .answering(id.as_ref())
            .with_data(json!({"a": 1}));
        assert_eq!(
            error.body(),
            "{\"jsonrpc\":\"2.0\",\"id\":\"caf\\u00e9\",\"error\":{\"code\":-32602,\"message\":\"Tool not found: a\\\"b\",\"data\":{\"a\":1}}}"
        );
    }

    #[test]
    fn an_unknown_id_is_null() {
        let error = JsonRpcError::new(StatusCode::BAD_REQUEST, PARSE_ERROR, "Parse error");
        assert_eq!(
            error.body(),
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"}}"
        );
    }
}
