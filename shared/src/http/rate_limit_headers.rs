//! What a limit tells the caller: `X-RateLimit-*`, the fields of draft-ietf-httpapi-ratelimit-headers, and
//! `Retry-After` when refused.

use crate::clock::UnixSeconds;
use crate::rate_limit::RateDecision;
use bytes::BytesMut;
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The values of all of them, two limits listed.
const VALUES_BYTES: usize = 192;

/// Puts on an answer what the limits said that its request was counted under, each with its constant name (letters, digits, `-`). `RateLimit`
/// lists each; the headers that know one limit tell that of which the least is left. `X-RateLimit-Reset` is in unix seconds, as everywhere; `t`
/// and `Retry-After` are seconds from now.
pub fn set_rate_limit_headers(headers: &mut HeaderMap, counted: &[(&'static str, RateDecision)], now: UnixSeconds) {
    let Some((_, tightest)) = counted.iter().min_by_key(|(_, decision)| (decision.allowed, decision.remaining)) else {
        return;
    };
    // Every answer has them: all five are written behind one another into one allocation.
    let mut text = BytesMut::with_capacity(VALUES_BYTES);
    let mut set = |name: HeaderName, write: &dyn Fn(&mut BytesMut)| {
        write(&mut text);
        if let Ok(value) = HeaderValue::from_maybe_shared(text.split().freeze()) {
            headers.insert(name, value);
        }
    };
    let reset = u64::try_from(now).unwrap_or(0) + u64::from(tightest.reset_seconds);
    set(LIMIT, &|text| push(text, "", tightest.limit));
    set(REMAINING, &|text| push(text, "", tightest.remaining));
    set(RESET, &|text| push(text, "", reset));
    set(RATELIMIT_POLICY, &|text| {
        list(text, counted, |text, decision| {
            push(text, ";q=", decision.limit);
            push(text, ";w=", decision.window_seconds);
        });
    });
    set(RATELIMIT, &|text| {
        list(text, counted, |text, decision| {
            push(text, ";r=", decision.remaining);
            push(text, ";t=", decision.reset_seconds);
        });
    });
    if !tightest.allowed {
        headers.insert(RETRY_AFTER, tightest.reset_seconds.into());
    }
}

fn push(text: &mut BytesMut, name: &str, number: impl Into<u64>) {
    text.extend_from_slice(name.as_bytes());
    let number: u64 = number.into();
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes the parameters of each behind its name, separated by commas.
fn list(
    text: &mut BytesMut,
    counted: &[(&'static str, RateDecision)],
    parameters: impl Fn(&mut BytesMut, &RateDecision),
) {
    for (index, (policy, decision)) in counted.iter().enumerate() {
        text.extend_from_slice(if index > 0 { b", \"" } else { b"\"" });
        text.extend_from_slice(policy.as_bytes());
        text.extend_from_slice(b"\"");
        parameters(text, decision);
    }
}

#[cfg(test)]
mod tests {
    use super::set_rate_limit_headers;
    use crate::rate_limit::RateDecision;
    use http::HeaderMap;

    #[test]
    fn tells_the_limit_in_both_dialects() {
        let allowed = RateDecision { allowed: true, limit: 120, remaining: 7, reset_seconds: 42, window_seconds: 60 };
        let mut headers = HeaderMap::new();
        set_rate_limit_headers(&mut headers, &[("principal", allowed)], 1_000);
        let expected = [
            ("x-ratelimit-limit", "120"),
            ("x-ratelimit-remaining", "7"),
            ("x-ratelimit-reset", "1042"),
            ("ratelimit-policy", "\"principal\";q=120;w=60"),
            ("ratelimit", "\"principal\";r=7;t=42"),
        ];
        for (name, value) in expected {
            assert_eq!(headers[name], value, "{name}");
        }
        assert!(!headers.contains_key("retry-after"));
        set_rate_limit_headers(&mut headers, &[("principal", RateDecision { allowed: false, ..allowed })], 1_000);
        assert_eq!(headers["retry-after"], "42");
    }

    #[test]
    fn of_several_limits_the_tightest_is_told_where_there_is_room_for_one() {
        let principal = RateDecision { allowed: true, limit: 120, remaining: 7, reset_seconds: 42, window_seconds: 60 };
        let tool = RateDecision { limit: 3, remaining: 0, reset_seconds: 9, ..principal };
        let mut headers = HeaderMap::new();
        set_rate_limit_headers(&mut headers, &[("principal", principal), ("tool", tool)], 1_000);
        assert_eq!(
            (&headers["x-ratelimit-limit"], &headers["x-ratelimit-reset"]),
            (&"3".parse().unwrap(), &"1009".parse().unwrap())
        );
        assert_eq!(headers["ratelimit-policy"], "\"principal\";q=120;w=60, \"tool\";q=3;w=60");
        assert_eq!(headers["ratelimit"], "\"principal\";r=7;t=42, \"tool\";r=0;t=9");
        assert!(!headers.contains_key("retry-after"), "the last one that is allowed");
        let refused = RateDecision { allowed: false, ..tool };
        set_rate_limit_headers(
            &mut headers,
            &[("principal", RateDecision { remaining: 0, ..principal }), ("tool", refused)],
            1_000,
        );
        assert_eq!(headers["retry-after"], "9");
    }
}
