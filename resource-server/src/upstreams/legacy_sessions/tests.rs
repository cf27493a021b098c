use super::{
    LegacySessions, Message, SESSION_HEADER, SessionSettings, SessionTransport, SharedSessions, SharingProcess,
};
use crate::test_clock::TestClock;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, Method};
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::{
        Transport as _,
        streamable_http_server::session::{
            ServerSseMessage, SessionId, SessionManager as _, SessionState, SessionStore as _,
        },
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::{clock::SharedClock, ephemeral::MemoryEphemeral};
use std::{sync::Arc, time::Duration};

/// Who has not come by then waits.
const A_WHILE: Duration = Duration::from_millis(50);
const IN_TIME: Duration = Duration::from_secs(10);

fn sessions() -> Arc<LegacySessions> {
    let clock: SharedClock = Arc::new(TestClock::default());
    LegacySessions::new(&SessionSettings {
        idle: Duration::from_secs(60),
        lifetime_seconds: 60,
        call_time: Duration::from_secs(60),
        ephemeral: Arc::new(MemoryEphemeral::new(clock.clone())),
        process: Some(SharingProcess { name: "one".to_owned(), clock }),
    })
}

fn message(session: &'static str) -> Message {
    let headers = HeaderMap::from_iter([(SESSION_HEADER, HeaderValue::from_static(session))]);
    Message::of_session(Method::GET, headers)
}

async fn open_elsewhere(shared: &SharedSessions, session: &str) {
    let handshake = json!({"initialize_params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let state: SessionState = serde_json::from_value(handshake).expect("a handshake");
    shared.store(session, &state).await.expect("kept");
}

#[tokio::test]
async fn a_session_that_is_stuck_keeps_nobody_elses_out() {
    let sessions = sessions();
    let shared = sessions.shared.as_ref().expect("several processes");
    for session in ["stuck", "other"] {
        open_elsewhere(shared, session).await;
    }
    let stuck = sessions.restore_lock(&message("stuck")).await.expect("known");
    assert!(stuck.is_some());
    let again = tokio::time::timeout(A_WHILE, sessions.restore_lock(&message("stuck"))).await;
    assert!(again.is_err(), "one at a time");
    let waiting = tokio::time::timeout(IN_TIME, sessions.restore_lock(&message("other"))).await;
    assert!(waiting.expect("it does not wait").expect("known").is_some());
}

#[tokio::test]
async fn who_waited_until_a_session_was_back_does_not_bring_it_back_again() {
    let sessions = sessions();
    open_elsewhere(sessions.shared.as_ref().expect("several processes"), "back").await;
    let first = sessions.restore_lock(&message("back")).await.expect("known");
    let bring_back = async {
        sessions.restore_session("back".into()).await.expect("restored");
        drop(first);
    };
    let named = message("back");
    let (second, ()) = tokio::join!(sessions.restore_lock(&named), bring_back);
    assert!(second.expect("known").is_none());
}

#[tokio::test]
async fn a_handshake_that_is_given_up_leaves_no_session() {
    let sessions = sessions();
    let (id, _server) = sessions.create_session().await.expect("a session");
    let opening = tokio::time::timeout(A_WHILE, sessions.initialize_session(&id, initialize()));
    assert!(opening.await.is_err(), "nobody answers");
    let gone = async {
        while sessions.count() > 0 || sessions.has_session(&id).await.expect("known") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(IN_TIME, gone).await.expect("closed");
}

fn typed<T: DeserializeOwned>(message: Value) -> T {
    serde_json::from_value(message).expect("a message")
}

fn initialize() -> ClientJsonRpcMessage {
    typed(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}))
}

/// A session that is open, and its server's side.
async fn open(sessions: &LegacySessions) -> (SessionId, SessionTransport) {
    let (id, mut server) = sessions.create_session().await.expect("a session");
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}});
    let answered = async {
        server.receive().await.expect("an initialize");
        server.send(typed(answer)).await.expect("sent");
    };
    let (opened, ()) = tokio::join!(sessions.initialize_session(&id, initialize()), answered);
    opened.expect("open");
    (id, server)
}

fn ping() -> ClientJsonRpcMessage {
    typed(json!({"jsonrpc": "2.0", "id": 7, "method": "ping"}))
}

/// What a stream says, beside when to come back.
async fn said(stream: impl Stream<Item = ServerSseMessage>) -> Vec<Value> {
    let messages = stream.filter_map(|event| async move { event.message.map(|message| json!(*message)) });
    tokio::time::timeout(IN_TIME, messages.collect()).await.expect("it ends")
}

/// Whether rmcp still has the stream of that call.
async fn keeps(sessions: &LegacySessions, id: &SessionId, call: u64) -> bool {
    sessions.local.resume(id, format!("0/{call}")).await.is_ok()
}

#[tokio::test]
async fn an_id_is_good_for_one_request_at_a_time_and_nothing_is_left_of_another() {
    let sessions = sessions();
    let (id, mut server) = open(&sessions).await;
    let first = sessions.create_stream(&id, ping()).await.expect("a stream");
    for again in [1, 2] {
        let refused = said(sessions.create_stream(&id, ping()).await.expect("a stream")).await;
        assert_eq!((refused.len(), &refused[0]["id"], &refused[0]["error"]["code"]), (1, &json!(7), &json!(-32600)));
        assert!(!keeps(&sessions, &id, again).await, "nothing is left of it");
    }
    assert!(server.receive().await.is_some(), "the first one arrives");
    assert!(server.receive().now_or_never().is_none(), "and no other");
    server.send(typed(json!({"jsonrpc": "2.0", "id": 7, "result": {}}))).await.expect("sent");
    assert_eq!(said(first).await, [json!({"jsonrpc": "2.0", "id": 7, "result": {}})]);
    assert!(!keeps(&sessions, &id, 0).await);
    let _again = sessions.create_stream(&id, ping()).await.expect("a stream");
    assert!(server.receive().await.is_some(), "it is good again");
}

/// Half of it would be an entry that lasts as long as the session.
#[tokio::test]
async fn a_request_that_is_given_up_while_it_begins_is_run_all_the_same() {
    let sessions = sessions();
    let (id, mut server) = open(&sessions).await;
    assert!(sessions.create_stream(&id, ping()).now_or_never().is_none(), "it needs the worker");
    let arrived = tokio::time::timeout(IN_TIME, server.receive()).await.expect("in time");
    assert!(arrived.is_some());
    server.send(typed(json!({"jsonrpc": "2.0", "id": 7, "result": {}}))).await.expect("sent");
    assert!(!keeps(&sessions, &id, 0).await);
}

/// As one that arrived here: rmcp's worker would keep the call, and its stream open, as long as the session lasts.
#[tokio::test]
async fn what_is_cancelled_at_another_process_is_over_and_so_is_its_stream() {
    let sessions = sessions();
    let shared = sessions.shared.as_ref().expect("several processes");
    let (id, mut server) = open(&sessions).await;
    open_elsewhere(shared, &id).await;
    let stream = sessions.create_stream(&id, ping()).await.expect("a stream");
    assert!(server.receive().await.is_some(), "it arrives");
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    shared.post(&id, cancelled.to_string().as_bytes()).await.expect("posted");
    let told = tokio::time::timeout(IN_TIME, server.receive()).await.expect("in time").expect("a message");
    assert_eq!(json!(told), cancelled, "the server is told");
    assert_eq!(said(stream).await, [] as [Value; 0]);
    let _again = sessions.create_stream(&id, ping()).await.expect("a stream");
    assert!(server.receive().await.is_some(), "the id is good again");
}
