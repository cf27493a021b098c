//! What happens when the thing behind misbehaves: it panics, fails, never answers, never ends.

use super::{
    issuer,
    server::{IN_TIME, Server, call, post},
    sessions,
};
use async_trait::async_trait;
use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
use resource_server::{
    bearer::principal::Principal,
    upstreams::{
        Message, ReplyBody, ToolDefinition, Upstream, UpstreamError, UpstreamReply,
        rmcp_upstream::{RmcpLimits, RmcpUpstream},
    },
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse},
    service::RequestContext,
};
use serde_json::{Value, json};
use shared::{http::current_request, protocol::security_event::RevocationKind};
use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use system_tests::{conformance_server::tools, poll::until};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

#[derive(Clone, Copy)]
enum Manner {
    Panic,
    Fail,
    Hang,
    Stream,
    /// Answers the first message, and then no more.
    AnswerOnce,
    /// The same, and hangs from then on.
    AnswerOnceThenHang,
}

struct Hostile {
    manner: Manner,
    seen: Mutex<Vec<axum::http::HeaderMap>>,
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Upstream for Hostile {
    fn tools(&self) -> Vec<ToolDefinition> {
        let tool = |name: &str| ToolDefinition { name: name.into(), json: "{}".into(), read_only: false };
        vec![tool("whoami")]
    }

    async fn call(&self, _: &Arc<Principal>, message: Message) -> Result<UpstreamReply, UpstreamError> {
        let seen = {
            let mut seen = self.seen.lock().expect("unpoisoned");
            seen.push(message.headers);
            seen.len()
        };
        self.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(self.running.clone());
        match self.manner {
            Manner::Panic => panic!("secret-of-the-upstream"),
            Manner::Fail => Err(UpstreamError::Failed { cause: "secret-of-the-upstream".into() }),
            Manner::Hang => std::future::pending().await,
            Manner::AnswerOnce if seen > 1 => {
                Err(UpstreamError::Unavailable { cause: "secret-of-the-upstream".into() })
            }
            Manner::AnswerOnceThenHang if seen > 1 => std::future::pending().await,
            Manner::AnswerOnce | Manner::AnswerOnceThenHang => Ok(UpstreamReply {
                status: StatusCode::OK,
                content_type: Some("application/json".parse().expect("a value")),
                session_id: None,
                body: ReplyBody::Whole(Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}")),
            }),
            Manner::Stream => {
                let first =
                    futures_util::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b": hi\n\n")))]);
                let endless = futures_util::stream::pending().map(move |frame| {
                    let _held = &running;
                    frame
                });
                let body = BoxBody::new(StreamBody::new(first.chain(endless)));
                Ok(UpstreamReply {
                    status: StatusCode::OK,
                    content_type: Some("text/event-stream".parse().expect("a value")),
                    session_id: None,
                    body: ReplyBody::Stream(body),
                })
            }
        }
    }
}

async fn behind(manner: Manner, settings: &str) -> (Server, Arc<Hostile>) {
    let running = Arc::new(AtomicUsize::new(0));
    let hostile = Arc::new(Hostile { manner, seen: Mutex::default(), running });
    let server = Server::start_around(issuer::start().await, settings, Some(hostile.clone())).await;
    server.wait_until_ready().await;
    (server, hostile)
}

/// On behalf of which request each error of the log was written.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<Option<String>>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            let request = current_request().map(|request| request.id.to_string());
            self.0.lock().expect("unpoisoned").push(request);
        }
    }
}

#[tokio::test]
async fn the_log_says_of_which_handshake_it_was_that_the_upstream_failed() {
    let (server, _) = behind(Manner::Fail, sessions::SETTINGS).await;
    let errors = Errors::default();
    let _listening = tracing_subscriber::registry().with(errors.clone()).set_default();
    let answer = server.send(sessions::initialize(&server.token("mcp.read"), &json!({}))).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text());
    let written = errors.0.lock().expect("unpoisoned").clone();
    assert_eq!(written, [Some(answer.header("x-request-id").to_owned())]);
}

#[tokio::test]
async fn a_failure_is_told_without_its_cause_and_the_server_goes_on() {
    for manner in [Manner::Panic, Manner::Fail] {
        let (server, hostile) = behind(manner, "").await;
        let token = server.token("mcp.read");
        for _ in 0..2 {
            let answer = server.call(&token, "whoami", json!({})).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, -32603));
            assert_eq!(answer.json()["id"], 1);
            assert!(!answer.text().contains("secret"), "{}", answer.text());
        }
        assert_eq!(hostile.running.load(Ordering::SeqCst), 0);
    }
}

/// Written on rmcp, which answers nothing where a handler panics.
#[derive(Clone)]
struct Panics;

impl ServerHandler for Panics {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        panic!("{:?}", request.arguments)
    }
}

/// The log.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unpoisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_tool_that_panics_in_a_session_is_answered_and_its_id_is_good_again() {
    let make = |limits: &RmcpLimits| {
        Arc::new(RmcpUpstream::new(Panics, &tools(), limits, CancellationToken::new())) as Arc<dyn Upstream>
    };
    let server = Server::start_before(issuer::start().await, sessions::SETTINGS, make).await;
    server.wait_until_ready().await;
    let token = server.token("mcp.read");
    let session = sessions::open_session(&server, &token).await;
    let written = Written::default();
    let (filter, writer) = (EnvFilter::new("info,resource_server=trace,shared=trace"), written.clone());
    let logging = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(move || writer.clone());
    let _logging = logging.finish().set_default();
    let message = call("test_simple_text", json!({"text": "secret-of-the-call"})).to_string();
    let mut requests = Vec::new();
    for _ in 0..2 {
        let request = sessions::in_session(sessions::accepting_events(post(&token, message.clone())), &session);
        let answer = server.send(request).await;
        let mut data = answer.text().lines().filter_map(|line| line.strip_prefix("data:"));
        let said: Option<Value> = data.find_map(|data| serde_json::from_str(data.trim_start()).ok());
        let error = json!({"code": -32603, "message": "The tool's server failed"});
        assert_eq!(said, Some(json!({"jsonrpc": "2.0", "id": 1, "error": error})), "{}", answer.text());
        requests.push(answer.header("x-request-id").to_owned());
    }
    let log = String::from_utf8(written.0.lock().expect("unpoisoned").clone()).expect("UTF-8");
    let panicked = log.lines().filter(|line| line.contains("an upstream panicked")).map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["fields"]["request_id"].as_str().expect("which request").to_owned()
    });
    assert_eq!(panicked.collect::<Vec<_>>(), requests, "{log}");
    assert!(!log.contains("secret"), "{log}");
}

/// 503 for all would have the client send again what has run.
#[tokio::test]
async fn what_ran_of_a_batch_is_answered_though_the_next_call_cannot_be() {
    let (server, hostile) = behind(Manner::AnswerOnce, "").await;
    let mut second = call("whoami", json!({}));
    second["id"] = 2.into();
    let batch = json!([call("whoami", json!({})), second]);
    let answer = server.post(&server.token("mcp.read"), &batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answers = answer.json();
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!(1), &json!({})), "{answers}");
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(-32000)), "{answers}");
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(hostile.seen.lock().expect("unpoisoned").len(), 2);
}

/// The messages of a batch have together the time of one call; what has run by then is answered.
#[tokio::test]
async fn what_ran_of_a_batch_is_answered_though_the_next_call_takes_too_long() {
    let (server, hostile) = behind(Manner::AnswerOnceThenHang, "call_timeout = 1").await;
    let numbered = |id: u32| {
        let mut call = call("whoami", json!({}));
        call["id"] = id.into();
        call
    };
    let batch = json!([numbered(1), numbered(2), numbered(3)]);
    let answer = server.post(&server.token("mcp.read"), &batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answers = answer.json();
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!(1), &json!({})), "{answers}");
    for late in [1, 2] {
        assert_eq!(answers[late]["id"], late + 1, "{answers}");
        assert_eq!(answers[late]["error"]["code"], -32603, "{answers}");
    }
    assert_eq!(hostile.seen.lock().expect("unpoisoned").len(), 2, "the third was never begun");
    assert_eq!(hostile.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_call_that_never_ends_is_cut_by_its_time() {
    let (server, hostile) = behind(Manner::Hang, "call_timeout = 1").await;
    let answer = server.call(&server.token("mcp.read"), "whoami", json!({})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::GATEWAY_TIMEOUT, -32603));
    assert_eq!(hostile.running.load(Ordering::SeqCst), 0, "and cancelled");
}

#[tokio::test]
async fn a_running_call_is_cut_by_revocation() {
    let (server, hostile) = behind(Manner::Hang, "").await;
    let token = server.token("mcp.read");
    let call = server.call(&token, "whoami", json!({}));
    let revoke = async {
        until("it runs", IN_TIME, || async { (hostile.running.load(Ordering::SeqCst) == 1).then_some(()) })
            .await
            .expect("running");
        server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now());
    };
    let (answer, ()) = tokio::join!(call, revoke);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
    assert_eq!(hostile.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_stream_of_a_call_ends_with_its_time_or_on_revocation() {
    for (settings, revoke) in [("call_timeout = 1", false), ("", true)] {
        let (server, hostile) = behind(Manner::Stream, settings).await;
        let message = call("whoami", json!({})).to_string();
        let mut stream = server.open(post(&server.token("mcp.read"), message)).await.into_body();
        assert!(stream.frame().await.is_some());
        if revoke {
            server.issuer.revoke(RevocationKind::User, "alice", server.now());
        }
        let end = tokio::time::timeout(IN_TIME, stream.frame()).await.expect("in time");
        assert!(end.is_none());
        assert_eq!(hostile.running.load(Ordering::SeqCst), 0, "the upstream knows that nobody listens");
    }
}

#[tokio::test]
async fn a_principal_has_so_many_calls_at_a_time_and_others_have_theirs() {
    let (server, hostile) = behind(Manner::Hang, "concurrent_calls = 2").await;
    let token = server.token("mcp.read");
    let mut running: Vec<_> = (0..2).map(|_| Box::pin(server.call(&token, "whoami", json!({})))).collect();
    for call in &mut running {
        assert!(call.as_mut().now_or_never().is_none());
    }
    until("both run", IN_TIME, || {
        let open = running.iter_mut().all(|call| call.as_mut().now_or_never().is_none());
        let both = open && hostile.running.load(Ordering::SeqCst) == 2;
        async move { both.then_some(()) }
    })
    .await
    .expect("running");
    let refused = server.call(&token, "whoami", json!({})).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!refused.header("retry-after").is_empty());
    let other = server.token_of("bob", "client", "mcp.read");
    let other = tokio::time::timeout(Duration::from_millis(300), server.call(&other, "whoami", json!({}))).await;
    assert!(other.is_err(), "it runs");
    drop(running);
    assert_eq!(server.list(&token).await.status, StatusCode::OK, "places come back");
}

#[tokio::test]
async fn neither_token_nor_cookies_go_on() {
    let (server, hostile) = behind(Manner::Fail, "").await;
    let token = server.token("mcp.read");
    let mut request = post(&token, Body::from(call("whoami", json!({})).to_string()));
    for (name, value) in [("cookie", "session=x"), ("x-api-key", "x"), ("proxy-authorization", "Basic x")] {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    server.send(request).await;
    let seen = hostile.seen.lock().expect("unpoisoned").clone();
    let names: Vec<_> = seen.iter().flat_map(|headers| headers.keys().map(|name| name.as_str().to_owned())).collect();
    assert_eq!(names, ["host"], "{names:?}");
}
