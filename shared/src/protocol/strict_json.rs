//! JSON in which no object names a member twice: two readers of one signed text must not see two meanings (RFC 8259 §4, RFC 7515 §4,
//! RFC 7519 §4).

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The text is no JSON, repeats a member, or is nested deeper than the parser goes (128 levels).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not JSON with unique member names")]
pub struct StrictJsonError;

/// Reads one JSON text and nothing after it.
///
/// # Errors
/// [`StrictJsonError`], which says nothing about the text.
pub fn parse(text: &[u8]) -> Result<Value, StrictJsonError> {
    serde_json::from_slice::<StrictValue>(text).map(|value| value.0).map_err(|_| StrictJsonError)
}

/// A JSON value whose objects, at every depth, name no member twice.
pub(crate) struct StrictValue(pub(crate) Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with unique member names")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(StrictValue(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, StrictValue(value))) = map.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::{StrictJsonError, parse};
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::json;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,1.5,null,true,"x\n"],"b":{"a":18446744073709551615}}"#;
        assert_eq!(
            parse(text.as_bytes()),
            Ok(json!({"a":[1,-2,1.5,null,true,"x\n"],"b":{"a":18446744073709551615_u64}}))
        );
    }

    #[test]
    fn refuses_duplicates_at_every_depth_and_trailing_text() {
        let deep = "[".repeat(500);
        let escaped = r#"{"a":1,"\u0061":2}"#;
        for bad in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#, escaped, "{} {}", "", "{", "nul", &deep] {
            assert_eq!(parse(bad.as_bytes()), Err(StrictJsonError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9a-z]{0,40}") {
            let _ = parse(&bytes);
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
            }
        }
    }
}
