//! W3C Trace Context §3.3: what other tracing systems want handed on beside the ids. It is passed through and never read.

use std::fmt;
use std::sync::Arc;

/// More members make the whole of it invalid (§3.3.1.1).
const MEMBERS_MAX: usize = 32;
/// So much of it is handed on (§3.3.1.5).
const LENGTH_MAX_CHARACTERS: usize = 512;
/// Where it is longer, members longer than this go first (§3.3.1.5).
const LONG_MEMBER_CHARACTERS: usize = 128;
/// A key or a value is never longer.
const PART_MAX_CHARACTERS: usize = 256;

/// The members of a `tracestate`, in their order; often none. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// Reads the values of all `tracestate` fields of a request as one list. What breaks a rule makes all of it nothing (§3.3.1).
    pub fn parse<'t>(values: impl IntoIterator<Item = &'t str>) -> Self {
        let mut members: Vec<&str> = Vec::new();
        for member in values.into_iter().flat_map(|value| value.split(',')) {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let Some(key) = key_of(member) else { return Self::default() };
            let is_repeated = members.iter().any(|before| key_of(before) == Some(key));
            if is_repeated || members.len() == MEMBERS_MAX {
                return Self::default();
            }
            members.push(member);
        }
        shorten(&mut members);
        Self((!members.is_empty()).then(|| members.join(",").into()))
    }

    /// The list, unless it is empty.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().unwrap_or_default())
    }
}

/// The key of a member that is one (§3.3.1.3).
fn key_of(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    let fits = |text: &str| (1..=PART_MAX_CHARACTERS).contains(&text.len());
    let in_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let begins = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_key = begins && fits(key) && key.bytes().all(in_key) && key.bytes().filter(|byte| *byte == b'@').count() < 2;
    let is_value = fits(value) && value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=');
    (is_key && is_value).then_some(key)
}

/// Takes whole members away until the rest may be handed on: long ones first, then from the end, where the oldest are.
fn shorten(members: &mut Vec<&str>) {
    while members.iter().map(|member| member.len() + 1).sum::<usize>() > LENGTH_MAX_CHARACTERS + 1 {
        match members.iter().rposition(|member| member.len() > LONG_MEMBER_CHARACTERS) {
            Some(place) => drop(members.remove(place)),
            None => drop(members.pop()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LENGTH_MAX_CHARACTERS, TraceState};
    use proptest::prelude::*;

    fn read(values: &[&str]) -> String {
        TraceState::parse(values.iter().copied()).to_string()
    }

    #[test]
    fn what_the_recommendation_shows_is_handed_on_as_one_list() {
        assert_eq!(read(&["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
        assert_eq!(read(&["rojo=1 ,\t congo=a b", "", "fw529a3039@dt=FfK"]), "rojo=1,congo=a b,fw529a3039@dt=FfK");
        assert_eq!(read(&[",, ,"]), "");
    }

    #[test]
    fn what_breaks_a_rule_is_not_handed_on_at_all() {
        let long = format!("a={}", "x".repeat(257));
        let many = (0..33).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        for bad in ["a", "=b", "a=", "A=b", "a=b,a=c", "a=b=c", "a=é", "a@b@c=d", "_a=b", "a b=c", &long, &many] {
            assert_eq!(read(&["good=1", bad]), "", "{bad}");
        }
        let allowed = (0..32).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(read(&[&allowed]), allowed);
    }

    #[test]
    fn too_long_a_list_loses_long_members_first_then_the_last() {
        let member = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
        let (long, short) = (member("long", 200), |key: &str| member(key, 100));
        let list = [short("a"), long, short("b"), short("c"), short("d"), short("e"), short("f")].join(",");
        assert_eq!(read(&[&list]), [short("a"), short("b"), short("c"), short("d"), short("e")].join(","));
        let whole = [short("a"), short("b"), short("c"), short("d"), member("e", 108)].join(",");
        assert_eq!((whole.len(), read(&[&whole])), (LENGTH_MAX_CHARACTERS, whole));
    }

    proptest! {
        #[test]
        fn any_text_is_bounded_and_reads_back(text: String) {
            let state = TraceState::parse([text.as_str()]);
            prop_assert!(state.to_string().len() <= LENGTH_MAX_CHARACTERS);
            prop_assert_eq!(TraceState::parse(state.as_str()), state);
        }
    }
}
