//! A batch of messages in one body (JSON-RPC 2.0 §6). Of all revisions 2025-03-26 alone has them.

use super::{
    envelope,
    json_rpc_error::{INVALID_REQUEST, JsonRpcError},
};
use bytes::Bytes;
use http::StatusCode;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};
use std::fmt;

/// A batch has no more messages.
pub const BATCH_MESSAGES_MAX: usize = 32;

/// Whether `body` is meant as a batch.
pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// The messages of a batch, each a part of `body`: nothing is copied, and nothing of them is judged yet.
///
/// # Errors
/// The JSON-RPC answer to send, with HTTP status 400: -32700 for what is no JSON, too deep or of too many values together, -32600 for an empty
/// batch and one with more than [`BATCH_MESSAGES_MAX`] messages.
pub fn split(body: &Bytes) -> Result<Vec<Bytes>, JsonRpcError> {
    envelope::check_shape(body)?;
    let Members(members) = serde_json::from_slice(body).map_err(|cause| match cause.classify() {
        Category::Data => refused(INVALID_REQUEST, "Invalid Request: too many messages in a batch"),
        _ => envelope::parse_error(&cause),
    })?;
    if members.is_empty() {
        return Err(refused(INVALID_REQUEST, "Invalid Request: an empty batch"));
    }
    Ok(members.into_iter().map(|member| body.slice_ref(member.get().as_bytes())).collect())
}

fn refused(code: i64, message: &'static str) -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_REQUEST, code, message)
}

/// At most [`BATCH_MESSAGES_MAX`] values: a body of commas is not kept before it is refused.
struct Members<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Members(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut messages: A) -> Result<Self, A::Error> {
        while let Some(message) = messages.next_element()? {
            if self.0.len() == BATCH_MESSAGES_MAX {
                return Err(A::Error::custom("too many messages"));
            }
            self.0.push(message);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_MESSAGES_MAX, INVALID_REQUEST, is_batch, split};
    use crate::mcp::json_rpc_error::PARSE_ERROR;
    use bytes::Bytes;

    fn code(body: &str) -> i64 {
        split(&Bytes::from(body.to_owned())).expect_err(body).code
    }

    #[test]
    fn a_batch_comes_apart_without_a_copy() {
        let body = Bytes::from_static(br#" [ {"a":[1,2]} , "x",3 ] "#);
        assert!(is_batch(&body));
        let members = split(&body).expect("a batch");
        assert_eq!(members, [&br#"{"a":[1,2]}"#[..], br#""x""#, b"3"]);
        let bounds = body.as_ptr_range();
        assert!(members.iter().all(|member| bounds.contains(&member.as_ptr())));
        assert!(!is_batch(b"{}") && !is_batch(b"") && !is_batch(b" x["));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for body in ["[", "[1,]", "[1]x", "[}", "[\"\\x\"]"] {
            assert_eq!(code(body), PARSE_ERROR, "{body}");
        }
        assert_eq!(code("[]"), INVALID_REQUEST);
        let many = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(split(&Bytes::from(many(BATCH_MESSAGES_MAX))).map(|members| members.len()), Ok(BATCH_MESSAGES_MAX));
        assert_eq!(code(&many(BATCH_MESSAGES_MAX + 1)), INVALID_REQUEST);
        assert_eq!(code(&format!("{}{}", "[".repeat(500), "]".repeat(500))), PARSE_ERROR);
    }
}
