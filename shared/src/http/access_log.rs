//! One log line a request: what was asked for, how it ended, how long it took; never a query, token, cookie or body. The same is
//! counted for whoever watches the server.

use super::client_address::ClientAddress;
use super::manner::Manner;
use super::request_id::RequestId;
use crate::metrics::RequestMetrics;
use crate::trace::{TraceContext, TraceId};
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::Method;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// The target of the lines, for filters: `postern::access`.
pub const ACCESS_LOG_TARGET: &str = "postern::access";
/// Where nginx and others put requests whose caller went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;
const MAX_PATH_CHARACTERS: usize = 200;
/// Path segments at least this long that do not look like words may be links with a secret in them.
const SUSPICIOUS_SEGMENT_CHARACTERS: usize = 20;

/// Why a request is refused, as an extension of its answer: one of the reasons that the server's [`RequestMetrics`] know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalReason(pub &'static str);

/// Logs and counts each request when it is answered, or when its caller goes away.
#[derive(Debug, Clone)]
pub struct AccessLog {
    metrics: Arc<RequestMetrics>,
    quiet: Arc<[String]>,
}

impl AccessLog {
    /// Counts in `metrics`.
    pub fn new(metrics: Arc<RequestMetrics>) -> Self {
        Self { metrics, quiet: Arc::default() }
    }

    /// What goes well at `routes`, written as they are matched, is no news: one server of ours asks there for another all the time.
    #[must_use]
    pub fn quiet_at(self, routes: impl IntoIterator<Item = String>) -> Self {
        Self { quiet: routes.into_iter().collect(), ..self }
    }
}

impl Manner for AccessLog {
    type Kept = Line;

    fn begin(&self, request: &mut Request) -> Result<Self::Kept, Box<Response>> {
        let extensions = request.extensions();
        Ok(Line {
            route: extensions.get::<MatchedPath>().cloned(),
            path: extensions.get::<MatchedPath>().is_none().then(|| without_secrets(request.uri().path())),
            method: request.method().clone(),
            client: extensions.get::<ClientAddress>().map(|address| address.ip()),
            id: extensions.get::<RequestId>().copied(),
            trace_id: extensions.get::<TraceContext>().map(|context| context.trace_id),
            started: Instant::now(),
            is_quiet: extensions
                .get::<MatchedPath>()
                .is_some_and(|path| self.quiet.iter().any(|quiet| quiet == path.as_str())),
            metrics: Arc::clone(&self.metrics),
            written: false,
        })
    }

    fn finish(&self, mut kept: Self::Kept, response: &mut Response) {
        let refusal = response.extensions().get::<RefusalReason>().map(|reason| reason.0);
        kept.write(Some(response.status().as_u16()), refusal);
    }
}

/// A line not yet written.
pub struct Line {
    route: Option<MatchedPath>,
    path: Option<String>,
    method: Method,
    client: Option<IpAddr>,
    id: Option<RequestId>,
    trace_id: Option<TraceId>,
    started: Instant,
    is_quiet: bool,
    metrics: Arc<RequestMetrics>,
    written: bool,
}

impl Line {
    /// `None` is the status of a request whose caller went away.
    fn write(&mut self, status: Option<u16>, refusal: Option<&'static str>) {
        self.written = true;
        let (route, took) = (self.route.as_ref().map(MatchedPath::as_str), self.started.elapsed());
        self.metrics.count(route, status, took);
        if let Some(reason) = refusal {
            self.metrics.count_refusal(reason);
        }
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: ACCESS_LOG_TARGET,
                    parent: None,
                    method = self.method.as_str(),
                    route,
                    path = self.path.as_deref(),
                    status = status.unwrap_or(CLIENT_CLOSED_REQUEST),
                    refusal,
                    microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                    client = self.client.map(text_of).as_deref(),
                    request_id = self.id.as_ref().map(RequestId::as_str),
                    trace_id = self.trace_id.map(tracing::field::display),
                    "request",
                )
            };
        }
        if self.is_quiet && status.is_none_or(|status| status < 400) {
            line!(debug);
        } else {
            line!(info);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written {
            self.write(None, None);
        }
    }
}

/// An address as `Display` writes it, without its machinery for those that most requests come from.
fn text_of(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for octet in address.octets() {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(itoa::Buffer::new().format(octet));
    }
    text
}

/// The path of a request that matched no route, segments that may be secrets replaced.
fn without_secrets(path: &str) -> String {
    let mut shown = String::new();
    for segment in path.split('/').skip(1) {
        shown.push('/');
        let word = segment.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.'));
        if segment.len() < SUSPICIOUS_SEGMENT_CHARACTERS || word {
            shown.push_str(segment)
        } else {
            shown.push('…')
        }
        if shown.len() > MAX_PATH_CHARACTERS {
            let end = shown.floor_char_boundary(MAX_PATH_CHARACTERS);
            shown.truncate(end);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{AccessLog, Manner as _, text_of, without_secrets};
    use crate::{metrics::RequestMetrics, telemetry::tests::Kept};
    use axum::{Router, body::Body, extract::Request, routing::get};
    use http::StatusCode;
    use std::sync::Arc;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn what_goes_well_at_a_quiet_route_is_a_detail() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
        let _logs = tracing::subscriber::set_default(lines.with_writer(move || writer.clone()).finish());
        let log = AccessLog::new(Arc::new(RequestMetrics::new([""; 0], &[])))
            .quiet_at(["/quiet".to_owned(), "/refused".to_owned()]);
        let router = Router::new()
            .route("/quiet", get(|| async {}))
            .route("/refused", get(|| async { StatusCode::FORBIDDEN }))
            .route("/said", get(|| async {}))
            .layer(log.layer());
        for path in ["/quiet", "/refused", "/said"] {
            router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        }
        let text = kept.text();
        let levels: Vec<&str> = text.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(levels, ["DEBUG", "INFO", "INFO"], "{text}");
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["127.0.0.1", "0.0.0.0", "255.255.255.255", "203.0.113.90", "::1", "2001:db8::5"] {
            assert_eq!(text_of(text.parse().unwrap()), text);
        }
    }

    #[test]
    fn paths_keep_words_and_lose_what_may_be_a_secret() {
        let cases = [
            ("/", "/"),
            ("/.well-known/oauth-authorization-server/mcp", "/.well-known/oauth-authorization-server/mcp"),
            ("/set-up/pst_7Qm1xYzPq0aBcDeFgHiJkLmN", "/set-up/…"),
            ("/a//b", "/a//b"),
            ("*", ""),
        ];
        for (path, shown) in cases {
            assert_eq!(without_secrets(path), shown);
        }
        assert!(without_secrets(&"/abc".repeat(1_000)).chars().count() < 210);
    }
}
