//! CORS: which pages of other origins may read our answers (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Nothing here ever allows credentials: callers of the API carry tokens, pages of ours need no CORS.

use super::manner::Manner;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

/// Headers that clients send to OAuth and MCP endpoints; `Mcp-Param-*` is echoed, since CORS knows no prefixes.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID, \
     DPoP, X-API-Key, X-Requested-With, traceparent, tracestate, baggage";
/// Headers of ours that a page may read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, \
     X-RateLimit-Reset, Retry-After, X-Request-Id",
);
/// Two hours, the longest that Chromium keeps a preflight.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("7200");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const ECHOED_PREFIX: &str = "mcp-param-";
/// More parameters than any tool declares as headers.
const MAX_ECHOED_HEADERS: usize = 64;
const MAX_ECHOED_CHARACTERS: usize = 128;

/// Lets every page read the answers: metadata, keys, and endpoints that prove everything themselves (token, register). Answers preflights,
/// without authentication, and marks answers. Routes without it (the authorization endpoint, our pages) no page reads.
#[derive(Debug, Clone)]
pub struct Cors {
    methods: HeaderValue,
}

impl Cors {
    /// For `GET`, `HEAD`, `POST`, `PUT`, `PATCH` and `DELETE`.
    pub fn public() -> Self {
        Self { methods: HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") }
    }

    /// The methods that preflights allow, separated by commas.
    #[must_use]
    pub fn with_methods(mut self, methods: &'static str) -> Self {
        self.methods = HeaderValue::from_static(methods);
        self
    }

    fn answer_preflight(&self, asked: &HeaderMap) -> Response {
        let mut answer = StatusCode::NO_CONTENT.into_response();
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
        headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        answer
    }
}

impl Manner for Cors {
    type Kept = ();

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if preflight { Err(Box::new(self.answer_preflight(request.headers()))) } else { Ok(()) }
    }

    fn finish(&self, (): Self::Kept, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
}

/// The fixed list, and whatever `Mcp-Param-*` headers were asked for.
fn allowed_headers(asked: &HeaderMap) -> HeaderValue {
    let lines = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|line| line.to_str().ok());
    let echoed =
        lines.flat_map(|line| line.split(',')).map(str::trim).filter(|name| is_echoed(name)).take(MAX_ECHOED_HEADERS);
    let mut list = String::new();
    for name in echoed {
        list.push_str(", ");
        list.push_str(name);
    }
    if list.is_empty() {
        return HeaderValue::from_static(ALLOWED_HEADERS);
    }
    HeaderValue::try_from(format!("{ALLOWED_HEADERS}{list}")).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

fn is_echoed(name: &str) -> bool {
    let prefixed = name.get(..ECHOED_PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(ECHOED_PREFIX));
    prefixed
        && name.len() > ECHOED_PREFIX.len()
        && name.len() <= MAX_ECHOED_CHARACTERS
        && HeaderName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::Cors;
    use crate::http::manner::Manner as _;
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::response::Response;
    use axum::routing::post;
    use http::StatusCode;
    use tower::ServiceExt as _;

    async fn ask(cors: Cors, method: &str, headers: &[(&str, &str)]) -> Response {
        let router = Router::new().route("/mcp", post(|| async { StatusCode::UNAUTHORIZED })).layer(cors.layer());
        let mut request = Request::builder().method(method).uri("/mcp");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    const PREFLIGHT: (&str, &str) = ("access-control-request-method", "POST");

    #[tokio::test]
    async fn a_preflight_is_answered_without_authentication() {
        let asked =
            ("access-control-request-headers", "authorization, mcp-param-Region, x-evil, mcp-param-, mcp-param-a b");
        let response = ask(Cors::public(), "OPTIONS", &[("origin", "https://app.example"), PREFLIGHT, asked]).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let allowed = header(&response, "access-control-allow-headers").unwrap();
        for name in ["Authorization", "MCP-Protocol-Version", "Last-Event-ID", "mcp-param-Region"] {
            assert!(allowed.split(", ").any(|each| each == name), "{name} in {allowed}");
        }
        assert!(
            !allowed.contains("x-evil") && !allowed.contains("mcp-param-a") && !allowed.ends_with("mcp-param-"),
            "{allowed}"
        );
        assert!(header(&response, "access-control-allow-methods").unwrap().contains("DELETE"));
        assert_eq!(header(&response, "access-control-max-age"), Some("7200"));
        assert_eq!(header(&response, "access-control-allow-credentials"), None);
        assert_eq!(header(&response, "access-control-allow-origin"), Some("*"));
        assert_eq!(header(&response, "access-control-expose-headers"), None);
    }

    #[tokio::test]
    async fn errors_are_readable_too() {
        let response = ask(Cors::public(), "POST", &[("origin", "https://anything.example")]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(header(&response, "access-control-allow-origin"), Some("*"));
        assert!(header(&response, "access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
        assert_eq!(header(&response, "access-control-allow-credentials"), None);
        assert_eq!(ask(Cors::public(), "GET", &[]).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn an_options_request_that_is_no_preflight_goes_on() {
        let response = ask(Cors::public(), "OPTIONS", &[("origin", "https://app.example")]).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
