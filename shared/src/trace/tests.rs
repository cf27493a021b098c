use super::{
    Span, SpanContext, SpanKind, TRACEPARENT, TRACESTATE, TraceContext, Tracer, begin, begin_remote, carried,
    propagation_headers,
};
use crate::config::{SharedSettings, Sources};
use crate::metrics::Page;
use crate::random::SystemRandom;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ELSEWHERE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn settings(collector: &str, percent: u32) -> SharedSettings {
    let text = format!("[shared]\ntrace_collector_url = \"{collector}\"\ntrace_percent = {percent}\n");
    Sources::new().with_file_text("test", &text).unwrap().load::<SharedSettings>().unwrap()
}

fn tracer(collector: &str, percent: u32) -> (Tracer, super::Exporter) {
    let (tracer, exporter) = Tracer::of(&settings(collector, percent), "test", &(Arc::new(SystemRandom) as _));
    (tracer, exporter.expect("a collector is named"))
}

fn came_in(traceparent: &str, states: &[&str]) -> Option<SpanContext> {
    let mut headers = HeaderMap::from_iter([(TRACEPARENT, traceparent.parse().unwrap())]);
    for state in states {
        headers.append(TRACESTATE, state.parse().unwrap());
    }
    SpanContext::from_headers(&headers)
}

/// What another process would be told now.
fn traceparent() -> Option<String> {
    Some(propagation_headers().get(TRACEPARENT)?.to_str().unwrap().to_owned())
}

fn counted(tracer: &Tracer, outcome: &str) -> u64 {
    let mut page = Page::default();
    tracer.write_metrics(&mut page);
    let series = format!("postern_trace_spans_total{{outcome=\"{outcome}\"}} ");
    page.into_text().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap()
}

#[tokio::test]
async fn without_a_collector_a_context_is_handed_on_as_it_came_and_none_is_made() {
    let tracer = Tracer::default();
    let span = tracer.start_request(came_in(PARENT, &[]));
    assert!(!span.is_recording());
    assert_eq!(span.run(async { traceparent() }).await.unwrap(), PARENT);
    let inner = span.run(async { begin("step", SpanKind::Client).run(async { traceparent() }).await }).await;
    assert_eq!(inner.unwrap(), PARENT);
    for none in [None, came_in("nonsense", &["a=b"])] {
        assert_eq!(none, None);
        assert!(tracer.start_request(none).run(async { propagation_headers() }).await.is_empty());
    }
    assert!(propagation_headers().is_empty(), "outside of a request there is none");
}

#[tokio::test]
async fn steps_are_of_the_trace_that_came_in_and_follow_work_to_other_tasks() {
    let (tracer, _exporter) = tracer("http://127.0.0.1:9", 100);
    let request = tracer.start_request(came_in(PARENT, &[]));
    let (parent, context) = (TraceContext::parse(PARENT).unwrap(), request.context().unwrap());
    assert_eq!(context.trace_id, parent.trace_id);
    assert_ne!(context.span_id, parent.span_id);
    let step = async {
        let step = begin("step", SpanKind::Internal);
        assert_eq!(step.run(async { traceparent() }).await.unwrap(), step.context().unwrap().to_string());
        step.context().unwrap()
    };
    let elsewhere = request.run(async { tokio::spawn(carried(step)).await.unwrap() }).await;
    assert_eq!(elsewhere.trace_id, parent.trace_id);
    assert_ne!(elsewhere.span_id, context.span_id);
}

#[tokio::test]
async fn what_others_say_of_a_trace_goes_on_with_it_whoever_records_it() {
    let (recording, _exporter) = tracer("http://127.0.0.1:9", 100);
    for tracer in [Tracer::default(), recording] {
        let request = tracer.start_request(came_in(PARENT, &["congo=t61rcWkgMzE", "rojo=1"]));
        let told =
            request.run(async { begin("step", SpanKind::Client).run(async { propagation_headers() }).await }).await;
        assert_eq!(told[TRACESTATE], "congo=t61rcWkgMzE,rojo=1");
        let elsewhere = async {
            let step = begin_remote("message", SpanKind::Internal, came_in(ELSEWHERE, &["other=1"]).unwrap());
            step.run(async { propagation_headers() }).await
        };
        assert_eq!(request.run(elsewhere).await[TRACESTATE], "other=1", "each trace has its own");
        let broken = tracer.start_request(came_in(PARENT, &["congo=t61rcWkgMzE", "Bad"]));
        assert!(!broken.run(async { propagation_headers() }).await.contains_key(TRACESTATE));
    }
}

#[tokio::test]
async fn the_word_of_a_message_decides_whether_its_step_is_recorded() {
    let (tracer, _exporter) = tracer("http://127.0.0.1:9", 100);
    let unsampled = |parent: &str| parent.replace("-01", "-00");
    for (request, message, recorded) in [
        (PARENT.to_owned(), ELSEWHERE.to_owned(), true),
        (unsampled(PARENT), ELSEWHERE.to_owned(), true),
        (PARENT.to_owned(), unsampled(ELSEWHERE), false),
        (unsampled(PARENT), unsampled(ELSEWHERE), false),
    ] {
        let step = async { begin_remote("message", SpanKind::Internal, came_in(&message, &[]).unwrap()) };
        let span = tracer.start_request(came_in(&request, &[])).run(step).await;
        let (context, sent_by) = (span.context().unwrap(), TraceContext::parse(&message).unwrap());
        assert_eq!((span.is_recording(), context.trace_id), (recorded, sent_by.trace_id), "{request} {message}");
        assert_eq!(context.span_id != sent_by.span_id, recorded, "a step that is recorded is one of its own");
    }
}

#[tokio::test]
async fn whoever_asks_not_to_be_recorded_is_not_and_the_part_of_new_traces_is_kept() {
    let (tracer, _exporter) = tracer("http://127.0.0.1:9", 0);
    assert!(tracer.start_request(came_in(PARENT, &[])).is_recording());
    let not_sampled = tracer.start_request(came_in(&PARENT.replace("-01", "-00"), &[]));
    assert!(!not_sampled.is_recording() && not_sampled.run(async { traceparent() }).await.is_some());
    assert!((0..100).all(|_| !tracer.start_request(None).is_recording()));
    let (all, _exporter) = self::tracer("http://127.0.0.1:9", 100);
    assert!((0..100).all(|_| all.start_request(None).is_recording()));
}

/// Answers one request with `status` and gives its text.
async fn answer(listener: &TcpListener, status: &str) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 65_536]);
    loop {
        let read = connection.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let length =
            text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse::<usize>().ok());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if length.is_some() && length == body {
            break;
        }
    }
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    connection.write_all(answer.as_bytes()).await.unwrap();
    text
}

#[tokio::test]
async fn a_batch_is_told_as_otlp_and_a_collector_that_fails_costs_its_batch_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (tracer, exporter) = tracer(&format!("http://{}/", listener.local_addr().unwrap()), 100);
    let stop = CancellationToken::new();
    let running = tokio::spawn(exporter.run(stop.clone()));
    drop(tracer.start_request(None));
    tokio::time::timeout(DEADLINE, answer(&listener, "503 Service Unavailable")).await.unwrap();
    let mut request: Span = tracer.start_request(came_in(PARENT, &[]));
    request.update_name("GET /x");
    request.set_attribute("http.route", "/x");
    request.set_error();
    drop(request);
    let told = tokio::time::timeout(DEADLINE, answer(&listener, "200 OK")).await.unwrap();
    assert!(told.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{told}");
    let body: serde_json::Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
    let of_one = &body["resourceSpans"][0];
    assert_eq!(of_one["resource"]["attributes"][0]["value"]["stringValue"], "test");
    let span = &of_one["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&span["traceId"], &span["parentSpanId"]),
        (&"4bf92f3577b34da6a3ce929d0e0e4736".into(), &"00f067aa0ba902b7".into())
    );
    assert_eq!((&span["name"], &span["kind"], &span["status"]["code"]), (&"GET /x".into(), &2.into(), &2.into()));
    assert!(span["startTimeUnixNano"].as_str().unwrap() <= span["endTimeUnixNano"].as_str().unwrap());
    // What is left when the server stops is told, too.
    drop(tracer.start_request(None));
    stop.cancel();
    tokio::time::timeout(DEADLINE, answer(&listener, "200 OK")).await.unwrap();
    tokio::time::timeout(DEADLINE, running).await.unwrap().unwrap();
    assert_eq!((counted(&tracer, "dropped"), counted(&tracer, "exported")), (1, 2));
}

#[tokio::test]
async fn a_full_queue_drops_and_nobody_waits() {
    let (tracer, exporter) = tracer("http://127.0.0.1:9", 100);
    for _ in 0..super::QUEUE_MAX_SPANS + 7 {
        drop(tracer.start_request(None));
    }
    assert_eq!(counted(&tracer, "dropped"), 7);
    drop(exporter);
}
