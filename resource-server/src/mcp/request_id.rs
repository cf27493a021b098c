//! The id of a JSON-RPC request, kept exactly as it was sent.

use serde_json::value::RawValue;

/// A string is never longer, as it is written between its quotes: an id comes back in answers, and is kept while a call runs.
pub const ID_MAX_BYTES: usize = 256;

/// The JSON text of an id (a string or an integer), echoed byte for byte in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Takes the JSON text of an id; `None` unless it is a string of at most [`ID_MAX_BYTES`] or an integer of 64 bits
    /// (MCP allows nothing else: no null, no fraction).
    pub fn from_json(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        // Half of a surrogate pair is let through as raw JSON, and no other reader takes it back.
        let is_short_text = text.starts_with('"') && text.len() <= ID_MAX_BYTES + "\"\"".len();
        let is_text = is_short_text && (!text.contains('\\') || serde_json::from_str::<String>(text).is_ok());
        let valid = is_text || text.parse::<i64>().is_ok();
        valid.then(|| Self(text.into()))
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{ID_MAX_BYTES, RequestId};
    use serde_json::value::RawValue;

    #[test]
    fn keeps_strings_and_integers_and_nothing_else() {
        for (text, valid) in [
            ("1", true),
            ("-7", true),
            ("\"a\\u0062\"", true),
            ("\"\"", true),
            ("\"\\ud83d\\ude00\"", true),
            ("\"\\ud800\"", false),
            ("null", false),
            ("1.5", false),
            ("1e3", false),
            ("true", false),
            ("[1]", false),
            ("{}", false),
            ("9223372036854775808", false),
        ] {
            let raw = RawValue::from_string(text.to_owned()).expect("valid JSON");
            let id = RequestId::from_json(&raw);
            assert_eq!(id.is_some(), valid, "{text}");
            if let Some(id) = id {
                assert_eq!(id.as_json(), text);
            }
        }
    }

    #[test]
    fn a_string_is_bounded() {
        for (bytes, valid) in [(ID_MAX_BYTES, true), (ID_MAX_BYTES + 1, false)] {
            let raw = RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).expect("valid JSON");
            assert_eq!(RequestId::from_json(&raw).is_some(), valid, "{bytes}");
        }
    }
}
