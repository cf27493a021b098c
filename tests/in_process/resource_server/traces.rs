//! One call followed through both servers, as a collector sees it.

use super::{
    foreign_issuer,
    opaque_tokens::ASKING,
    real_issuer::Together,
    server::{self, IN_TIME, Server, call, list, post},
    trusted_issuers::in_place,
};
use crate::auth_server::given::{Given, public_client};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
    routing::post as on_post,
};
use serde_json::{Value, json};
use shared::{
    config::Sources,
    db::{Fault, Faults, Statement, StoreError},
    random::{SharedRandom, SystemRandom},
    trace::Tracer,
};
use std::sync::{Arc, Mutex};
use system_tests::poll::until;
use tokio_util::sync::CancellationToken;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
const CALL_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Takes what it is told.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Value>>>);

impl Collector {
    /// One that listens, and the settings that name it.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let take = |State(collector): State<Self>, Json(told): Json<Value>| async move {
            collector.0.lock().expect("unpoisoned").push(told);
        };
        let router = Router::new().route("/v1/traces", on_post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, format!("[shared]\ntrace_collector_url = \"{url}\""))
    }

    /// The spans of one trace, each with the name of its server as `service`.
    fn spans(&self, trace: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for told in &*self.0.lock().expect("unpoisoned") {
            for resource in told["resourceSpans"].as_array().expect("an array") {
                let service = &resource["resource"]["attributes"][0]["value"]["stringValue"];
                for span in resource["scopeSpans"][0]["spans"].as_array().expect("an array") {
                    let mut span = span.clone();
                    span["service"] = service.clone();
                    found.push(span);
                }
            }
        }
        found.retain(|span| span["traceId"] == trace);
        found
    }

    /// The span of this trace, server and name, once it was told.
    async fn span(&self, trace: &str, service: &str, name: &str) -> Value {
        let found = until("the span is told", IN_TIME, || async {
            let spans = self.spans(trace);
            spans.into_iter().find(|span| span["service"] == service && span["name"] == name)
        });
        found.await.unwrap_or_else(|error| panic!("{service}: {name}: {error}: {:#?}", self.spans(trace)))
    }
}

fn attribute<'s>(span: &'s Value, key: &str) -> &'s str {
    let attributes = span["attributes"].as_array().expect("an array");
    let found = attributes.iter().find(|each| each["key"] == key);
    found.and_then(|each| each["value"]["stringValue"].as_str()).unwrap_or_default()
}

#[tokio::test]
async fn one_call_is_one_trace_through_both_servers() {
    let (collector, settings) = Collector::start().await;
    let both = Together::start_with(&settings).await;
    both.issuer.add_user("ann", &["member"]).await;
    both.issuer.add_client(&public_client("app")).await;
    let code = both.issuer.give(&Given { scope: "mcp.read", ..Given::USUAL }).await;
    let token = both.issuer.redeem(&code).await.text("access_token");
    assert_eq!(both.served(&token, &list()).await.0, StatusCode::OK);
    // The feed has said nothing for so long that each token is asked about.
    both.clock.advance(40);
    both.issuer.clock.advance(40);
    let mut request = post(&token, call("whoami", json!({})).to_string());
    let traceparent = format!("00-{TRACE}-{CLIENT_SPAN}-01").parse().expect("a value");
    request.headers_mut().insert("traceparent", traceparent);
    assert_eq!(both.send(request).await.0, StatusCode::OK);

    let (resource, authorization) = ("resource", "authorization");
    let answered = collector.span(TRACE, resource, "POST /mcp").await;
    assert_eq!((&answered["parentSpanId"], &answered["kind"]), (&json!(CLIENT_SPAN), &json!(2)));
    assert_eq!(attribute(&answered, "http.response.status_code"), "200");
    let message = collector.span(TRACE, resource, "tools/call whoami").await;
    assert_eq!(message["parentSpanId"], answered["spanId"]);
    let asked = collector.span(TRACE, resource, "ask an issuer").await;
    assert_eq!((&asked["parentSpanId"], &asked["kind"]), (&answered["spanId"], &json!(3)));
    assert!(attribute(&asked, "url.full").ends_with("/oauth2/introspect"), "{asked:#}");
    let introspected = collector.span(TRACE, authorization, "POST /oauth2/introspect").await;
    assert_eq!(introspected["parentSpanId"], asked["spanId"]);
    let statement = until("a statement", IN_TIME, || async {
        collector
            .spans(TRACE)
            .into_iter()
            .find(|span| span["service"] == authorization && span["parentSpanId"] == introspected["spanId"])
    });
    let statement = statement.await.expect("a statement");
    assert!(statement["name"].as_str().is_some_and(|name| name.contains('.') || name == "commit"), "{statement:#}");
    let told = format!("{:?}", collector.0.lock().expect("unpoisoned"));
    let signature = token.rsplit('.').next().expect("a part");
    for secret in [signature, "client_assertion", "Bearer"] {
        assert!(!told.contains(secret), "{secret} is told to the collector");
    }
}

#[tokio::test]
async fn a_modern_message_continues_the_step_that_it_names() {
    let (collector, settings) = Collector::start().await;
    let server = Server::start_with(&settings).await;
    let mut message = call("whoami", json!({}));
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "traceparent": format!("00-{CALL_TRACE}-{CLIENT_SPAN}-01"),
    });
    let mut request = post(&server.token("mcp.read"), message.to_string());
    for (name, value) in [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "whoami"),
        ("accept", "application/json, text/event-stream"),
        ("traceparent", &format!("00-{TRACE}-{CLIENT_SPAN}-01")),
    ] {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let request = collector.span(TRACE, "resource", "POST /mcp").await;
    let message = collector.span(CALL_TRACE, "resource", "tools/call whoami").await;
    assert_eq!(message["parentSpanId"], CLIENT_SPAN);
    assert_eq!(message["links"], json!([{"traceId": TRACE, "spanId": request["spanId"]}]));
}

#[tokio::test]
async fn a_word_that_a_caller_chose_is_told_to_no_collector() {
    let (collector, settings) = Collector::start().await;
    let server = Server::start_with(&settings).await;
    let traceparent = format!("00-{TRACE}-{CLIENT_SPAN}-01");
    for method in ["hunter2", "prompts/get"] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "hunter2"}});
        let mut request = post(&server.token("mcp.read"), message.to_string());
        request.headers_mut().insert("traceparent", traceparent.parse().expect("a value"));
        server.send(request).await;
    }
    collector.span(TRACE, "resource", "prompts/get").await;
    let told = collector.spans(TRACE);
    assert!(!format!("{told:?}").contains("hunter2"), "{told:#?}");
}

/// A call that says where in which trace it is made, and what other systems say of it.
fn traced(token: &str, states: &[&str]) -> Request<Body> {
    let mut request = post(token, list().to_string());
    let traceparent = format!("00-{TRACE}-{CLIENT_SPAN}-01").parse().expect("a value");
    request.headers_mut().insert("traceparent", traceparent);
    for state in states {
        request.headers_mut().append("tracestate", state.parse().expect("a value"));
    }
    request
}

#[tokio::test]
async fn what_other_systems_say_of_a_trace_goes_on_with_it_to_our_own_issuer() {
    let server = Server::start().await;
    // The feed has said nothing for so long that each token is asked about.
    server.issuer.break_feed(true);
    server.advance(31);
    let ask = async |states: &[&str]| {
        server.send(traced(&server.token("mcp.read"), states)).await;
        server.issuer.introspection_headers.lock().expect("unpoisoned").clone()
    };
    let told = ask(&["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"]).await;
    assert_eq!(told["tracestate"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
    assert!(told["traceparent"].to_str().expect("ASCII").contains(TRACE));
    let told = ask(&["congo=t61rcWkgMzE", "no member"]).await;
    assert!(told.contains_key("traceparent") && !told.contains_key("tracestate"), "{told:?}");
}

#[tokio::test]
async fn an_issuer_of_somebody_else_hears_nothing_of_a_trace() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    server.send(traced("one", &["congo=t61rcWkgMzE"])).await;
    let told = foreign.last_headers.lock().expect("unpoisoned").clone();
    assert!(told.contains_key("authorization"), "it was asked: {told:?}");
    assert!(!told.contains_key("traceparent") && !told.contains_key("tracestate"), "{told:?}");
}

/// Fails to commit.
struct NoCommit;

impl Faults for NoCommit {
    fn at(&self, name: &'static str) -> Option<Fault> {
        (name == "commit").then_some(Fault::FailBefore)
    }
}

#[tokio::test]
async fn what_failed_in_the_database_is_told_as_failed() {
    static MISSING: Statement = Statement::new("missing.read", "SELECT id FROM missing");
    static PRESENT: Statement = Statement::new("present.read", "SELECT 1");
    let (collector, settings) = Collector::start().await;
    let sources = Sources::new().with_file_text("test", &settings).expect("TOML");
    let random: SharedRandom = Arc::new(SystemRandom);
    let (tracer, exporter) = Tracer::of(&sources.load().expect("settings"), "test", &random);
    let stop = CancellationToken::new();
    tokio::spawn(exporter.expect("a collector").run(stop.clone()));
    let store = server::in_memory().await.with_faults(Arc::new(NoCommit));
    let root = tracer.start_root("a test");
    let trace = root.context().expect("recorded").trace_id.to_string();
    root.run(async {
        store.read().fetch_optional(&PRESENT, []).await.expect("a row");
        store.read().fetch_optional(&MISSING, []).await.expect_err("no such table");
        let written: Result<(), StoreError> = store.write(async |_| Ok(())).await;
        written.expect_err("no commit");
    })
    .await;
    drop(root);
    for (name, failed) in [("present.read", false), ("missing.read", true), ("commit", true)] {
        let span = collector.span(&trace, "test", name).await;
        assert_eq!(span["status"]["code"] == json!(2), failed, "{name}: {span:#}");
    }
    stop.cancel();
}
