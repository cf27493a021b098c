//! What a limit tells the caller: `X-RateLimit-*`, the fields of draft-ietf-httpapi-ratelimit-headers, and
//! `Retry-After` when refused.

use crate::clock::UnixSeconds;
use crate::rate_limit::RateDecision;
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Puts the headers of `decision` on an answer; `policy` is the constant name of the limit (letters, digits, `-`).
/// `X-RateLimit-Reset` is in unix seconds, as everywhere; `t` and `Retry-After` are seconds from now.
pub fn set_rate_limit_headers(
    headers: &mut HeaderMap,
    policy: &'static str,
    decision: &RateDecision,
    now: UnixSeconds,
) {
    let RateDecision { allowed, limit, remaining, reset_seconds, window_seconds } = *decision;
    headers.insert(LIMIT, limit.into());
    headers.insert(REMAINING, remaining.into());
    headers.insert(RESET, (now + i64::from(reset_seconds)).into());
    let fields = [
        (RATELIMIT_POLICY, format!("\"{policy}\";q={limit};w={window_seconds}")),
        (RATELIMIT, format!("\"{policy}\";r={remaining};t={reset_seconds}")),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if !allowed {
        headers.insert(RETRY_AFTER, reset_seconds.into());
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
        set_rate_limit_headers(&mut headers, "principal", &allowed, 1_000);
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
        set_rate_limit_headers(&mut headers, "principal", &RateDecision { allowed: false, ..allowed }, 1_000);
        assert_eq!(headers["retry-after"], "42");
    }
}
