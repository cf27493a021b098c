//! Headers that keep a browser from doing more with our answers than it should.

use super::manner::Manner;
use crate::config::PublicUrl;
use axum::extract::Request;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};

/// What everything but a page gets: it loads nothing and stands in no frame.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// A year; no `includeSubDomains`, since the subdomains are not ours to decide about.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Puts the headers on every answer; one that a handler has set itself stays.
pub struct SecurityHeaders {
    https: bool,
}

impl SecurityHeaders {
    /// With `Strict-Transport-Security` when the server is reached under https.
    pub fn new(public_url: &PublicUrl) -> Self {
        Self { https: public_url.is_https() }
    }
}

impl Manner for SecurityHeaders {
    type Kept = ();

    fn begin(&self, _: &mut Request) -> Result<(), Box<Response>> {
        Ok(())
    }

    fn finish(&self, (): (), response: &mut Response) {
        let headers = response.headers_mut();
        set_default(headers, header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        set_default(headers, header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        set_default(headers, header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        set_default(headers, header::CONTENT_SECURITY_POLICY, NOTHING);
        if self.https {
            set_default(headers, header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
    }
}

fn set_default(headers: &mut HeaderMap, name: header::HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

/// The policy of a page: set before [`SecurityHeaders`] finishes, which keeps it.
pub fn set_content_security_policy(headers: &mut HeaderMap, policy: &'static str) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
}

/// For whatever holds tokens, codes or somebody's data (RFC 6749 §5.1).
pub fn set_no_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

/// `no-store` on every answer of a router that says nothing about caching itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl Manner for NoStore {
    type Kept = ();

    fn begin(&self, _: &mut Request) -> Result<(), Box<Response>> {
        Ok(())
    }

    fn finish(&self, (): (), response: &mut Response) {
        if !response.headers().contains_key(header::CACHE_CONTROL) {
            set_no_store(response.headers_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NoStore, SecurityHeaders, set_content_security_policy};
    use crate::config::PublicUrl;
    use crate::http::manner::Manner as _;
    use axum::body::Body;
    use axum::response::Response;

    #[test]
    fn defaults_are_set_and_what_a_handler_said_stays() {
        let headers = SecurityHeaders::new(&PublicUrl::parse("https://auth.example.com").unwrap());
        let mut response = Response::new(Body::empty());
        set_content_security_policy(response.headers_mut(), "default-src 'self'");
        headers.and(NoStore).finish(((), ()), &mut response);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-security-policy"), "default-src 'self'");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("strict-transport-security"), "max-age=31536000");
        assert_eq!((header("cache-control"), header("pragma")), ("no-store", "no-cache"));
    }

    #[test]
    fn no_hsts_over_plain_http_and_caching_that_was_asked_for_stays() {
        let headers = SecurityHeaders::new(&PublicUrl::parse("http://localhost:9400").unwrap());
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("cache-control", "public, max-age=300".parse().unwrap());
        headers.and(NoStore).finish(((), ()), &mut response);
        assert!(!response.headers().contains_key("strict-transport-security"));
        assert_eq!(response.headers()["cache-control"], "public, max-age=300");
        assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
    }
}
