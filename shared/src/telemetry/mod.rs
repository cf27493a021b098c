//! Logs. Libraries only speak through `tracing`; binaries decide where it goes, by calling [`install`] once.

mod batched_writer;
mod correlation;
mod json_lines;
mod log_format;
mod timestamp;

pub use log_format::LogFormat;

use batched_writer::{BatchedWriter, WriterGuard};
use json_lines::JsonLines;
use std::io::{IsTerminal as _, stderr};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterFn, ParseError, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer, fmt};

/// What is logged unless a filter says otherwise.
pub const DEFAULT_FILTER: &str =
    "info,sqlx=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn,reqwest=warn,rmcp=error,redis=warn,tower=warn";
/// Whose details may be logged. What others say below INFO may hold headers, bodies or parameters (h2 logs every header
/// it decodes), so no filter brings it out.
const OURS: [&str; 6] = ["postern", "shared", "keys", "auth_server", "resource_server", "system_tests"];

/// Whose crates write what a client sent (ids, versions, whole messages), raw and at any length, as warnings and below: only their errors may be
/// logged, whatever a filter says.
const QUOTES_CLIENTS: &str = "rmcp";

/// Why logs could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not of the form `info,auth_server=debug`.
    #[error("the log filter cannot be read: {0}")]
    Filter(#[from] ParseError),
    /// Something in this process has installed another one.
    #[error("logs are installed already: {0}")]
    Installed(#[from] TryInitError),
    /// The thread that writes could not be started.
    #[error("the log writer does not start: {0}")]
    Writer(#[from] std::io::Error),
}

/// Keeps logs going; dropping it writes what is left.
#[derive(Debug)]
#[must_use = "logs that are not written yet are lost unless the guard lives until the end of main"]
pub struct TelemetryGuard {
    _writer: Option<WriterGuard>,
}

/// Sends this process's logs to standard error; for binaries only. `filter` is in the syntax of `tracing`
/// (`info,auth_server=debug`).
///
/// # Errors
/// [`TelemetryError`].
pub fn install(format: LogFormat, filter: Option<&str>) -> Result<TelemetryGuard, TelemetryError> {
    let filter = EnvFilter::builder().parse(filter.unwrap_or(DEFAULT_FILTER))?;
    let terminal = stderr().is_terminal();
    let text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    if text {
        let lines = fmt::layer().compact().with_timer(TimeAndRequest).with_ansi(terminal).with_writer(stderr);
        tracing_subscriber::registry().with(filter).with(discreet(lines)).try_init()?;
        return Ok(TelemetryGuard { _writer: None });
    }
    let (writer, guard) = BatchedWriter::start(stderr())?;
    tracing_subscriber::registry().with(filter).with(discreet(JsonLines::new(writer))).try_init()?;
    Ok(TelemetryGuard { _writer: Some(guard) })
}

/// What a line of text begins with.
struct TimeAndRequest;

impl FormatTime for TimeAndRequest {
    fn format_time(&self, line: &mut Writer<'_>) -> std::fmt::Result {
        SystemTime.format_time(line)?;
        let mut written = Ok(());
        correlation::each(|name, value| written = written.and_then(|()| write!(line, " {name}={value}")));
        written
    }
}

/// The layer without the details of others.
fn discreet<S: Subscriber + for<'a> LookupSpan<'a>>(layer: impl Layer<S>) -> impl Layer<S> {
    let filter: FilterFn<fn(&Metadata<'_>) -> bool> = filter_fn(may_be_logged);
    layer.with_filter(filter)
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let origin = metadata.target().split("::").next().unwrap_or_default();
    let most = match origin {
        ours if OURS.contains(&ours) => Level::TRACE,
        quoting if quoting.starts_with(QUOTES_CLIENTS) => Level::ERROR,
        _ => Level::INFO,
    };
    *metadata.level() <= most
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{BatchedWriter, DEFAULT_FILTER, JsonLines, TimeAndRequest, discreet};
    use crate::http::{ClientAddress, CurrentRequest, RequestId, on_behalf_of};
    use crate::trace::{SpanContext, TraceContext, TraceState, Tracer};
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::fmt::format::Writer;
    use tracing_subscriber::fmt::time::FormatTime as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// Where a test reads what was written.
    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, speak: impl FnOnce()) -> Vec<serde_json::Value> {
        let kept = Kept::default();
        let (writer, guard) = BatchedWriter::start(kept.clone()).unwrap();
        let filter = EnvFilter::builder().parse(filter).unwrap();
        let subscriber = tracing_subscriber::registry().with(filter).with(discreet(JsonLines::new(writer)));
        tracing::subscriber::with_default(subscriber, speak);
        drop(guard);
        kept.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    #[test]
    fn a_line_is_one_json_object_with_the_fields_of_its_spans() {
        let lines = logged(DEFAULT_FILTER, || {
            let request = tracing::info_span!("request", request_id = "r1", late = tracing::field::Empty);
            let _entered = request.enter();
            request.record("late", 7);
            let _inner = tracing::info_span!("statement", statement = "clients.find").entered();
            let absent: Option<&str> = None;
            tracing::warn!(
                count = 3_u64,
                negative = -1,
                yes = true,
                half = 0.5,
                absent,
                quoted = "a\"b\n",
                "it {}",
                "happened\u{1}"
            );
        });
        assert_eq!(lines.len(), 1);
        let line = lines[0].as_object().unwrap();
        for (key, value) in [
            ("level", serde_json::json!("WARN")),
            ("message", "it happened\u{1}".into()),
            ("request_id", "r1".into()),
            ("late", 7.into()),
            ("statement", "clients.find".into()),
            ("count", 3.into()),
            ("negative", (-1).into()),
            ("yes", true.into()),
            ("half", 0.5.into()),
            ("quoted", "a\"b\n".into()),
        ] {
            assert_eq!(line.get(key), Some(&value), "{key} in {line:?}");
        }
        assert!(!line.contains_key("absent"));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["target"], module_path!());
    }

    #[test]
    fn what_is_written_on_behalf_of_a_request_says_so() {
        let [of_request, of_message] = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"];
        let context = |trace: &str| TraceContext::parse(&format!("00-{trace}-00f067aa0ba902b7-01"));
        let (id, trace_id) = (RequestId::NONE, context(of_request).map(|context| context.trace_id));
        let request = CurrentRequest { id, client: ClientAddress::new([203, 0, 113, 9].into()), trace_id: None };
        let traced_request = CurrentRequest { trace_id, ..request };
        let traced = |trace: &str| {
            let at = context(trace).map(|context| SpanContext { context, state: TraceState::default() });
            Tracer::default().start_request(at).traced().unwrap()
        };
        let lines = logged("info", || {
            on_behalf_of(request, || tracing::info!("of no trace"));
            on_behalf_of(traced_request, || {
                traced(of_request).run(|| tracing::info!("of the request"));
                traced(of_message).run(|| tracing::info!("of a message"));
            });
            tracing::info!("of nobody");
        });
        let said: Vec<_> = lines
            .iter()
            .map(|line| ["request_id", "trace_id", "message_trace_id"].map(|name| line[name].as_str()))
            .collect();
        let (id, of_request, of_message) = (Some(id.as_str()), Some(of_request), Some(of_message));
        assert_eq!(said, [[id, None, None], [id, of_request, None], [id, of_request, of_message], [None, None, None]]);
        let mut text = String::new();
        on_behalf_of(traced_request, || {
            TimeAndRequest.format_time(&mut Writer::new(&mut text)).unwrap();
        });
        let ids = format!(" request_id={} trace_id={}", RequestId::NONE, of_request.unwrap());
        assert!(text.ends_with(&ids), "{text}");
    }

    #[test]
    fn no_filter_brings_out_the_details_of_others() {
        let lines = logged("trace", || {
            tracing::debug!(target: "h2::codec", header = "authorization: Bearer secret", "received");
            tracing::trace!(target: "sqlx::query", "insert");
            tracing::debug!(target: "shared_memory_thing", "a neighbour in name");
            tracing::info!(target: "h2", "fine");
            tracing::trace!("ours");
        });
        let messages: Vec<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["fine", "ours"]);
    }

    #[test]
    fn no_filter_brings_out_what_a_client_sent_to_the_protocol_library() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer().compact().with_ansi(false).with_writer(move || writer.clone());
        let filter = EnvFilter::builder().parse("trace,rmcp=trace").unwrap();
        let subscriber = tracing_subscriber::registry().with(filter).with(discreet(lines));
        tracing::subscriber::with_default(subscriber, || {
            let id = "1\n2026-01-01T00:00:00Z ERROR auth_server: forged\u{1b}[2J";
            let _around = tracing::info_span!(target: "rmcp::service", "serve", %id).entered();
            tracing::warn!(target: "rmcp::service", %id, "response error");
            tracing::info!(target: "rmcp_macros", %id, "a neighbour");
            tracing::error!(target: "rmcp::transport::worker", "worker quit");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("worker quit") && text.lines().count() == 1, "{text:?}");
        assert!(!text.contains("forged") && !text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn what_is_noisy_is_quiet_by_default() {
        let lines = logged(DEFAULT_FILTER, || {
            tracing::info!(target: "sqlx::postgres::notice", "x");
            tracing::warn!(target: "sqlx::query", "slow");
            tracing::debug!("ours");
            tracing::info!("said");
        });
        let messages: Vec<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["slow", "said"]);
    }

    #[test]
    fn an_error_is_shown_with_its_words() {
        let lines = logged("info", || {
            let error: &(dyn std::error::Error + 'static) = &io::Error::other("pipe \"broke\"");
            tracing::error!(error, "failed");
            tracing::error!(%error, shown = ?Some(1), "failed");
        });
        assert_eq!(lines[0]["error"], "pipe \"broke\"");
        assert_eq!((&lines[1]["error"], &lines[1]["shown"]), (&"pipe \"broke\"".into(), &"Some(1)".into()));
    }
}
