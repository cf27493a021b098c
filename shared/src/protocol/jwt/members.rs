//! The members of a header or payload. Those that tokens usually have lie in places of their own: a tree of a dozen names costs more than
//! reading them.

use crate::protocol::strict_json::{StrictJsonError, StrictValue};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// What our own tokens say, and what is asked of every token.
const USUAL: [&str; 19] = [
    "alg",
    "kid",
    "typ",
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "client_id",
    "scope",
    "registered_scope",
    "roles",
    "auth_time",
    "grant_id",
    "tenant_id",
    "organization_id",
    "cnf",
];

/// The members of a JSON object; none is named twice, at any depth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members {
    // In a box: a token is handed on from step to step.
    usual: Box<[Option<Value>; USUAL.len()]>,
    other: Map<String, Value>,
}

impl Members {
    /// Reads one JSON object and nothing after it.
    ///
    /// # Errors
    /// [`StrictJsonError`], also for what is no object.
    pub fn parse(text: &[u8]) -> Result<Self, StrictJsonError> {
        serde_json::from_slice(text).map_err(|_| StrictJsonError)
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match place(name) {
            Some(place) => self.usual[place].as_ref(),
            None => self.other.get(name),
        }
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The member of this name, which is gone then.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        match place(name) {
            Some(place) => self.usual[place].take(),
            None => self.other.remove(name),
        }
    }

    /// All of them.
    pub fn into_map(self) -> Map<String, Value> {
        let usual = USUAL.iter().zip(*self.usual).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        self.other.into_iter().chain(usual).collect()
    }

    /// Returns whether the name was there before.
    fn insert(&mut self, name: Name, value: Value) -> bool {
        match name {
            Name::Usual(place) => self.usual[place].replace(value).is_some(),
            Name::Other(name) => self.other.insert(name, value).is_some(),
        }
    }
}

fn place(name: &str) -> Option<usize> {
    USUAL.iter().position(|usual| *usual == name)
}

enum Name {
    Usual(usize),
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(place(name).map_or_else(|| Name::Other(name.to_owned()), Name::Usual))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object with unique member names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some((name, StrictValue(value))) = map.next_entry()? {
            if members.insert(name, value) {
                return Err(de::Error::custom("a member is named twice"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::{Members, USUAL};
    use crate::protocol::strict_json;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::{Value, json};

    #[test]
    fn a_member_is_found_and_taken_whatever_its_name() {
        let text = r#"{"iss":"i","own":{"a":1},"i\u0061t":2,"nbf":null}"#;
        let mut members = Members::parse(text.as_bytes()).expect("members");
        assert_eq!(members.get("iss"), Some(&json!("i")));
        assert_eq!(members.get("own"), Some(&json!({"a": 1})));
        assert_eq!((members.get("iat"), members.get("nbf")), (Some(&json!(2)), Some(&Value::Null)));
        assert!(!members.contains("exp") && !members.contains("other"));
        assert_eq!(Value::Object(members.clone().into_map()), json!({"iss":"i","own":{"a":1},"iat":2,"nbf":null}));
        assert_eq!((members.take("own"), members.take("own")), (Some(json!({"a": 1})), None));
        assert_eq!((members.take("iat"), members.take("iat")), (Some(json!(2)), None));
    }

    #[test]
    fn no_member_is_named_twice_at_any_depth() {
        for name in USUAL.iter().chain(&["own"]) {
            let twice = format!(r#"{{"{name}":1,"a":{{}},"{name}":1}}"#);
            let deep = format!(r#"{{"a":[{{"{name}":1,"{name}":2}}]}}"#);
            for bad in [twice, deep] {
                assert!(Members::parse(bad.as_bytes()).is_err(), "{bad}");
            }
        }
        for bad in [r#"{"iss":1,"\u0069ss":1}"#, "[]", "1", "null", "", "{} {}"] {
            assert!(Members::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_the_strict_reader_reads(bytes in any::<Vec<u8>>(), text in r#"\{("(iss|a|exp)":[0-9]{1,2},?){0,3}\}"#) {
            for text in [&bytes[..], text.as_bytes()] {
                let strict = strict_json::parse(text).ok().and_then(|value| value.as_object().cloned());
                prop_assert_eq!(Members::parse(text).ok().map(Members::into_map), strict);
            }
        }
    }
}
