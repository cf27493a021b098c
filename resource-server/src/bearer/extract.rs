//! The bearer token, from the `Authorization` header and from nowhere else (RFC 6750 §2.1; MCP: never the query).

use http::{HeaderMap, header::AUTHORIZATION};

/// A longer token is refused unread: ours have about 1 KiB.
pub const TOKEN_MAX_BYTES: usize = 8 * 1024;
/// Query parameters in which clients put tokens (RFC 6750 §2.3 and what other servers once took).
const QUERY_PARAMETERS: [&str; 3] = ["access_token", "token", "api_key"];

/// Why there is no token to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoToken {
    /// None was sent where one is looked for: 401 without an error code (RFC 6750 §3.1).
    Missing,
    /// Something was sent that cannot be a token: 401 `invalid_token`.
    Malformed,
    /// Two ways at once, or the header twice: 400 `invalid_request` (RFC 6750 §2).
    TwoMethods,
}

/// The token of a request with these `headers` and this `query`.
///
/// # Errors
/// [`NoToken`]. A token in the query alone is no token at all.
pub fn extract<'h>(headers: &'h HeaderMap, query: Option<&str>) -> Result<&'h str, NoToken> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(NoToken::Missing) };
    if values.next().is_some() {
        return Err(NoToken::TwoMethods);
    }
    let text = value.to_str().map_err(|_| NoToken::Malformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(NoToken::Missing);
    }
    if query.is_some_and(carries_token) {
        return Err(NoToken::TwoMethods);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() {
        return Err(NoToken::Missing);
    }
    if token.len() > TOKEN_MAX_BYTES || !is_b64token(token) {
        return Err(NoToken::Malformed);
    }
    Ok(token)
}

/// Whether a query (or a form) names a parameter in which tokens are sent; its value is never looked at.
pub fn carries_token(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let decoded = percent_decoded(name);
        QUERY_PARAMETERS.iter().any(|parameter| decoded.eq_ignore_ascii_case(parameter.as_bytes()))
    })
}

fn percent_decoded(name: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()];
            let value = std::str::from_utf8(&digits).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
            decoded.push(value.unwrap_or(b'%'));
        } else {
            decoded.push(byte);
        }
    }
    decoded
}

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=').as_bytes();
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    // Every request has one, of a kilobyte: all bytes are looked at without a branch, many at once.
    !body.is_empty() && body.iter().fold(true, |so_far, byte| so_far & may_stand(*byte))
}

#[cfg(test)]
mod tests {
    use super::{NoToken, TOKEN_MAX_BYTES, carries_token, extract};
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        headers
    }

    #[test]
    fn takes_the_header_in_any_case() {
        for value in ["Bearer abc.def-_~+/==", "bearer abc.def-_~+/==", "BEARER   abc.def-_~+/== "] {
            assert_eq!(extract(&with(&[value]), None), Ok("abc.def-_~+/=="), "{value}");
        }
        assert_eq!(extract(&with(&["Bearer a"]), Some("page=2&tokens=1")), Ok("a"));
    }

    #[test]
    fn anything_else_is_no_token() {
        for value in ["", "Bearer", "Bearer ", "Basic YTpi", "DPoP abc", "abc"] {
            assert_eq!(extract(&with(&[value]), None), Err(NoToken::Missing), "{value}");
        }
        assert_eq!(extract(&with(&[]), None), Err(NoToken::Missing));
        assert_eq!(extract(&with(&[]), Some("access_token=x")), Err(NoToken::Missing));
        for value in ["Bearer a b", "Bearer a,b", "Bearer \"a\"", "Bearer =", "Bearer a\u{e9}"] {
            assert_eq!(extract(&with(&[value]), None), Err(NoToken::Malformed), "{value}");
        }
        let long = format!("Bearer {}", "a".repeat(TOKEN_MAX_BYTES + 1));
        assert_eq!(extract(&with(&[&long]), None), Err(NoToken::Malformed));
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        assert_eq!(extract(&with(&["Bearer a", "Bearer a"]), None), Err(NoToken::TwoMethods));
        for query in ["access_token=x", "a=1&token=", "api_key", "acces%73_token=x", "TOKEN=x"] {
            assert_eq!(extract(&with(&["Bearer a"]), Some(query)), Err(NoToken::TwoMethods), "{query}");
        }
        assert!(!carries_token("tok%65ns=1&%zz=2&%"));
    }
}
