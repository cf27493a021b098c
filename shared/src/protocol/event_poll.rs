//! Polling for Security Event Tokens: RFC 8936 §2, with a position that the receiver holds, so that the transmitter keeps nothing for it.

use super::strict_json::{self, StrictJsonError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// An answer holds at most so many events; each is a signature to make and one to check.
pub const EVENTS_AN_ANSWER_MAX: usize = 100;
/// The longest a poll waits for something to tell.
pub const POLL_WAIT_MAX_SECONDS: u64 = 15;
/// A request acknowledges, and reports, at most so many events.
pub const ACKNOWLEDGEMENTS_MAX: usize = 1000;
/// Neither a `jti` nor a position is longer.
pub const POSITION_MAX_BYTES: usize = 128;

/// What a receiver asks (RFC 8936 §2.3). Unknown members are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PollRequest {
    /// At most so many events; 0 only acknowledges. Absent: as many as there may be in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_events: Option<u64>,
    /// Whether an empty answer shall come at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub return_immediately: bool,
    /// The `jti` of events that were taken in. Events come in order, so one acknowledges all before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ack: Vec<String>,
    /// The `jti` of events that could not be taken in, each with the reason; they come again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_errs: BTreeMap<String, SetError>,
    /// Ours: the [`position`](PollAnswer::position) of an earlier answer. What came after it is asked for, whatever is acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Why an event could not be taken in (RFC 8936 §2.7), and how the transmitter refuses a request it cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetError {
    /// A code of the registry that RFC 8935 §7.1 makes.
    pub err: String,
    /// For people.
    #[serde(default)]
    pub description: String,
}

/// What the transmitter answers (RFC 8936 §2.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PollAnswer {
    /// The events as compact JWS, by their `jti`. No order is meant: each says when it happened.
    pub sets: BTreeMap<String, String>,
    /// Whether something is left. Until an answer denies it the receiver has not loaded what there is, and asks again at once. Always there.
    pub more_available: bool,
    /// Ours: how far this answer reaches. Opaque; what a receiver sends back as [`after`](PollRequest::after).
    pub position: String,
}

impl PollRequest {
    /// Reads the body of a request: one JSON object, in which no name occurs twice.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(body: &[u8]) -> Result<Self, StrictJsonError> {
        object(body)
    }
}

impl PollAnswer {
    /// Reads the body of an answer, as strictly.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(body: &[u8]) -> Result<Self, StrictJsonError> {
        object(body)
    }
}

/// Serde would take a list for a struct.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, StrictJsonError> {
    let value = strict_json::parse(body).ok().filter(Value::is_object).ok_or(StrictJsonError)?;
    serde_json::from_value(value).map_err(|_| StrictJsonError)
}

#[cfg(test)]
mod tests {
    use super::{PollAnswer, PollRequest};
    use serde_json::json;

    /// RFC 8936 §2.5: the examples of requests.
    #[test]
    fn the_requests_of_rfc_8936_are_read() {
        let read = |text: &str| PollRequest::parse(text.as_bytes()).expect(text);
        assert_eq!(read("{}"), PollRequest::default());
        assert!(read(r#"{"returnImmediately":true}"#).return_immediately);
        let acknowledging = read(r#"{"ack":["4d3559ec67504aaba65d40b0363faad8"],"maxEvents":0}"#);
        assert_eq!((acknowledging.ack.len(), acknowledging.max_events), (1, Some(0)));
        let reporting = read(r#"{"setErrs":{"j":{"err":"authentication_failed","description":"no"}}}"#);
        assert_eq!(reporting.set_errs["j"].err, "authentication_failed");
        for bad in [
            "[]",
            r#"{"maxEvents":-1}"#,
            r#"{"maxEvents":"1"}"#,
            r#"{"ack":"j"}"#,
            r#"{"ack":[1]}"#,
            r#"{"returnImmediately":1}"#,
            r#"{"setErrs":{"j":"no"}}"#,
            r#"{"wait":1}"#,
            r#"{"ack":[],"ack":[]}"#,
            "{} {}",
        ] {
            assert!(PollRequest::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_that_does_not_say_whether_it_is_the_last_is_not_taken_for_it() {
        let answer = json!({"sets": {"j": "a.b.c"}, "moreAvailable": false, "position": "h.1.x"});
        let read = PollAnswer::parse(answer.to_string().as_bytes()).expect("an answer");
        assert_eq!(serde_json::to_value(&read).expect("JSON"), answer);
        for member in ["sets", "moreAvailable", "position"] {
            let mut answer = answer.clone();
            answer.as_object_mut().expect("an object").remove(member);
            assert!(PollAnswer::parse(answer.to_string().as_bytes()).is_err(), "{member}");
        }
        let twice = r#"{"sets":{"j":"a.b.c","j":"d.e.f"},"moreAvailable":false,"position":"p"}"#;
        assert!(PollAnswer::parse(twice.as_bytes()).is_err(), "one event named twice");
    }
}
