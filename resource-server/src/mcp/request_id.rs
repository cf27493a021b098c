//! The id of a JSON-RPC request, kept exactly as it was sent.

use serde_json::value::RawValue;

/// The JSON text of an id (a string or an integer), echoed byte for byte in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Takes the JSON text of an id; `None` unless it is a string or an integer of 64 bits
    /// (MCP allows nothing else: no null, no fraction).
    pub fn from_json(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        // Half of a surrogate pair is let through as raw JSON, and no other reader takes it back.
        let is_text = text.starts_with('"') && (!text.contains('\\') || serde_json::from_str::<String>(text).is_ok());
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
    use super::RequestId;
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
}
