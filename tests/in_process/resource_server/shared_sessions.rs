//! Legacy sessions of several processes that share a Redis: whichever a request comes to, the session is the same, and over when it is over.

use super::{
    issuer,
    server::{Answer, IN_TIME, Server, call, list, post},
    sessions::{accepting_events, bare, in_session, initialize, open_session, whoami},
    stateless_revision::{behind_at, read_until},
    streams::{answer_to, endless, open_asked, question, rest},
};
use crate::metrics_documented::value_of;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use system_tests::{conformance_server::ConformanceServer, poll::until, redis::RedisServer};

/// The keys without which no session is.
const KEPT_OF_SESSIONS: [&str; 2] = ["*handshake:*", "*session:*"];

fn settings(redis: &RedisServer, further: &str) -> String {
    format!(
        "legacy_sessions = true\nrequests_per_minute = 100000\n{further}\n[shared]\nredis_url = \"{}\"",
        redis.url()
    )
}

/// Two with the built-in tools, whose clocks go together.
async fn two(redis: &RedisServer, further: &str) -> [Server; 2] {
    let (issuer, settings) = (issuer::start().await, settings(redis, further));
    let servers = [
        Server::start_unready(issuer.clone(), &settings).await,
        Server::start_unready(issuer.clone(), &settings).await,
    ];
    for server in &servers {
        server.wait_until_ready().await;
    }
    set_together(&servers);
    servers
}

fn set_together([first, second]: &[Server; 2]) {
    let (ahead, behind) = if first.now() < second.now() { (second, first) } else { (first, second) };
    behind.advance(ahead.now() - behind.now());
}

/// Two with the tools of the suite.
async fn two_suites(redis: &RedisServer) -> ([Server; 2], [ConformanceServer; 2]) {
    let (issuer, settings) = (issuer::start().await, settings(redis, ""));
    let (first, ones) = behind_at(issuer.clone(), &settings).await;
    let (second, others) = behind_at(issuer, &settings).await;
    let servers = [first, second];
    set_together(&servers);
    (servers, [ones, others])
}

fn with_event(mut request: Request<Body>, event: &str) -> Request<Body> {
    request.headers_mut().insert("last-event-id", event.parse().expect("a value"));
    request
}

/// The value of the first line of a stream that begins with these words.
fn line<'t>(text: &'t str, name: &str) -> &'t str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.map(str::trim).unwrap_or_else(|| panic!("{name} in {text}"))
}

/// Begins a call and reads until these words of its stream.
async fn begin(server: &Server, token: &str, session: &str, message: &Value, words: &str) -> (Body, String) {
    let request = in_session(accepting_events(post(token, message.to_string())), session);
    let mut stream = server.open(request).await.into_body();
    let begun = read_until(&mut stream, words).await;
    (stream, begun)
}

fn elicitation(id: u32) -> Value {
    let mut elicitation = call("test_elicitation", json!({"message": "who?"}));
    elicitation["id"] = id.into();
    elicitation
}

async fn runs(wanted: u64, fixture: &ConformanceServer) {
    until("as many run as are to", IN_TIME, || async { (fixture.running() == wanted).then_some(()) })
        .await
        .unwrap_or_else(|_| panic!("{wanted} wanted, {} run", fixture.running()));
}

async fn status(server: &Server, request: Request<Body>, session: &str) -> StatusCode {
    server.send(in_session(request, session)).await.status
}

#[tokio::test]
async fn a_session_is_known_at_all_belongs_to_one_and_ends_everywhere() {
    let redis = RedisServer::start().await.expect("Redis");
    let [first, second] = two(&redis, "").await;
    let (alice, bob) = (first.token("mcp.read"), first.token_of("bob", "client", "mcp.read"));
    let other_client = first.token_of("alice", "other", "mcp.read");
    let session = open_session(&first, &alice).await;
    for server in [&second, &first, &second] {
        for request in [whoami(&alice), post(&alice, list().to_string())] {
            let answer = server.send(in_session(request, &session)).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        }
        for stranger in [&bob, &other_client] {
            for request in [whoami(stranger), bare("GET", stranger), bare("DELETE", stranger)] {
                let hijack = server.send(in_session(request, &session)).await;
                let absent = server.send(in_session(whoami(stranger), "no-such-session")).await;
                assert_eq!(hijack.status, StatusCode::NOT_FOUND, "{}", hijack.text());
                assert_eq!(hijack.json()["error"], absent.json()["error"]);
            }
        }
    }
    let together =
        futures_util::future::join_all((0..16).map(|id| status(&second, numbered(&alice, id), &session))).await;
    assert!(together.iter().all(|status| *status == StatusCode::OK), "{together:?}");
    assert!(second.send(in_session(bare("DELETE", &alice), &session)).await.status.is_success());
    for server in [&first, &second] {
        assert_eq!(status(server, whoami(&alice), &session).await, StatusCode::NOT_FOUND);
    }
}

/// Many requests for a session that lives in none of its processes, at once.
#[tokio::test]
async fn a_session_comes_back_once_however_many_ask_for_it() {
    let redis = RedisServer::start().await.expect("Redis");
    let [first, second] = two(&redis, "").await;
    let alice = first.token("mcp.read");
    for _ in 0..8 {
        let session = open_session(&first, &alice).await;
        let asked = (0..12).map(|id| status(&second, numbered(&alice, id), &session));
        let answered = futures_util::future::join_all(asked).await;
        assert!(answered.iter().all(|status| *status == StatusCode::OK), "{answered:?}");
    }
}

#[tokio::test]
async fn idle_and_too_old_are_the_same_everywhere() {
    let redis = RedisServer::start().await.expect("Redis");
    let servers = two(&redis, "legacy_session_idle = 60\nlegacy_session_lifetime = 300").await;
    let [first, second] = &servers;
    let advance = |seconds: i64| servers.iter().for_each(|server| server.advance(seconds));
    let token = || first.token("mcp.read");
    let (used, idle) = (open_session(first, &token()).await, open_session(second, &token()).await);
    for server in [second, first, second, first] {
        advance(50);
        assert_eq!(status(server, whoami(&token()), &used).await, StatusCode::OK, "used at the other one before");
    }
    for server in [first, second] {
        assert_eq!(status(server, whoami(&token()), &idle).await, StatusCode::NOT_FOUND);
    }
    advance(50);
    assert_eq!(status(second, whoami(&token()), &used).await, StatusCode::OK);
    advance(50);
    for server in [first, second] {
        assert_eq!(status(server, whoami(&token()), &used).await, StatusCode::NOT_FOUND, "too old, however busy");
    }
}

#[tokio::test]
async fn one_too_many_at_another_process_ends_the_idlest_of_all() {
    let redis = RedisServer::start().await.expect("Redis");
    let servers = two(&redis, "legacy_sessions_per_user = 2").await;
    let [first, second] = &servers;
    let token = first.token("mcp.read");
    let mut opened = Vec::new();
    for server in [first, second, first] {
        opened.push(open_session(server, &token).await);
        servers.iter().for_each(|server| server.advance(1));
    }
    for server in [first, second] {
        let mut answers = Vec::new();
        for session in &opened {
            answers.push(status(server, whoami(&token), session).await);
        }
        assert_eq!(answers, [StatusCode::NOT_FOUND, StatusCode::OK, StatusCode::OK]);
    }
}

/// Several requests of one session at a time need several ids.
fn numbered(token: &str, id: u32) -> Request<Body> {
    let mut message = call("whoami", json!({}));
    message["id"] = id.into();
    post(token, message.to_string())
}

fn is_unavailable(answer: &Answer) -> bool {
    answer.status == StatusCode::SERVICE_UNAVAILABLE && !answer.header("retry-after").is_empty()
}

#[tokio::test]
async fn without_redis_nobody_is_told_that_a_session_is_over() {
    let mut redis = RedisServer::start().await.expect("Redis");
    let servers = two(&redis, "").await;
    let token = servers[0].token("mcp.read");
    let session = open_session(&servers[0], &token).await;
    redis.kill().expect("killed");
    for server in &servers {
        for request in [whoami(&token), bare("GET", &token), bare("DELETE", &token)] {
            let answer = server.send(in_session(request, &session)).await;
            assert!(is_unavailable(&answer), "{} {}", answer.status, answer.text());
        }
        let answer = server.send(initialize(&token, &json!({}))).await;
        assert!(is_unavailable(&answer), "{} {}", answer.status, answer.text());
        assert_eq!(server.send(whoami(&token)).await.status, StatusCode::OK, "without a session it goes on");
    }
    redis.start_again().await.expect("Redis");
    until("what was forgotten is over", IN_TIME, || async {
        (status(&servers[1], whoami(&token), &session).await == StatusCode::NOT_FOUND).then_some(())
    })
    .await
    .expect("404");
    let session = open_session(&servers[0], &token).await;
    assert_eq!(status(&servers[1], whoami(&token), &session).await, StatusCode::OK);
}

#[tokio::test]
async fn what_runs_here_is_cancelled_and_ended_from_there() {
    let redis = RedisServer::start().await.expect("Redis");
    let ([first, second], [ones, others]) = two_suites(&redis).await;
    let token = first.token("mcp.read");
    let session = open_session(&first, &token).await;
    let (cancelled, _) = begin(&first, &token, &session, &endless(7), "begun").await;
    let (_ended, _) = begin(&second, &token, &session, &endless(8), "begun").await;
    let listening = first.open(in_session(bare("GET", &token), &session)).await.into_body();
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    assert_eq!(status(&second, post(&token, cancel.to_string()), &session).await, StatusCode::ACCEPTED);
    runs(0, &ones).await;
    rest(cancelled).await;
    assert_eq!(others.running(), 1, "nothing else was cancelled");
    assert!(first.send(in_session(bare("DELETE", &token), &session)).await.status.is_success());
    runs(0, &others).await;
    rest(listening).await;
}

/// Both processes ask by the same number; each hears what it asked.
#[tokio::test]
async fn an_answer_finds_the_process_that_asked() {
    let redis = RedisServer::start().await.expect("Redis");
    let ([first, second], _) = two_suites(&redis).await;
    let token = first.token("mcp.read");
    let session = open_asked(&first, &token).await;
    let (at_first, asked) = begin(&first, &token, &session, &elicitation(1), "elicitation/create").await;
    let (at_second, asked_too) = begin(&second, &token, &session, &elicitation(2), "elicitation/create").await;
    let (asked, asked_too) = (question(&asked), question(&asked_too));
    assert_ne!(asked["id"], asked_too["id"]);
    let no_one_asked =
        json!({"jsonrpc": "2.0", "id": 0, "result": {"action": "accept", "content": {"username": "x", "email": "e"}}});
    assert_eq!(status(&first, post(&token, no_one_asked.to_string()), &session).await, StatusCode::ACCEPTED);
    for (server, answer) in [(&second, answer_to(&asked, "one")), (&first, answer_to(&asked_too, "two"))] {
        assert_eq!(status(server, post(&token, answer.to_string()), &session).await, StatusCode::ACCEPTED);
    }
    let (heard, heard_too) = (rest(at_first).await, rest(at_second).await);
    assert!(heard.contains("one") && !heard.contains("two"), "{heard}");
    assert!(heard_too.contains("two") && !heard_too.contains("one"), "{heard_too}");
    let (_again, asked) = begin(&first, &token, &session, &elicitation(3), "elicitation/create").await;
    let too_large = answer_to(&question(&asked), &"x".repeat(40_000));
    let answer = server_says(&second, &token, &session, &too_large).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, -32000), "{}", answer.text());
    let bob = first.token_of("bob", "client", "mcp.read");
    let forged = server_says(&second, &bob, &session, &answer_to(&question(&asked), "bob")).await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND);
}

async fn server_says(server: &Server, token: &str, session: &str, message: &Value) -> Answer {
    server.send(in_session(post(token, message.to_string()), session)).await
}

#[tokio::test]
async fn a_stream_is_taken_up_at_another_process_for_its_answer() {
    let redis = RedisServer::start().await.expect("Redis");
    let ([first, second], _) = two_suites(&redis).await;
    let (token, bob) = (first.token("mcp.read"), first.token_of("bob", "client", "mcp.read"));
    let session = open_asked(&first, &token).await;
    let (stream, begun) = begin(&first, &token, &session, &elicitation(1), "elicitation/create").await;
    let event = line(&begun, "id:").to_owned();
    drop(stream);
    let resume = |token: &str| in_session(with_event(bare("GET", token), &event), &session);
    let waiting = second.open(resume(&token)).await.into_body();
    assert_eq!(second.send(resume(&bob)).await.status, StatusCode::NOT_FOUND);
    let answer = answer_to(&question(&begun), "late");
    assert_eq!(server_says(&second, &token, &session, &answer).await.status, StatusCode::ACCEPTED);
    let heard = rest(waiting).await;
    assert!(heard.contains("late") && heard.contains("\"id\":1"), "{heard}");
    let again = second.send(resume(&token)).await;
    assert!(again.text().contains("late"), "a while longer: {}", again.text());
}

async fn kept_of_sessions(redis: &RedisServer) -> Vec<String> {
    let mut found = Vec::new();
    for pattern in KEPT_OF_SESSIONS {
        found.extend(redis.keys(pattern).await.expect("Redis"));
    }
    found
}

/// As one hangs up over HTTP/2: the request is dropped while the session is being opened.
#[tokio::test]
async fn who_hangs_up_while_a_session_opens_leaves_none() {
    let redis = RedisServer::start().await.expect("Redis");
    let [first, _] = two(&redis, "").await;
    let token = first.token("mcp.read");
    let held = || value_of(&first.metrics(), "postern_sessions");
    for _ in 0..8 {
        let begins = async {
            while held() == Some(0.0) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = begins => {}
            opened = first.open(initialize(&token, &json!({}))) => panic!("too late to hang up: {opened:?}"),
        }
        until("nothing is left", IN_TIME, || async {
            (held() == Some(0.0) && kept_of_sessions(&redis).await.is_empty()).then_some(())
        })
        .await
        .unwrap_or_else(|_| panic!("{:?} sessions are left", held()));
    }
    open_session(&first, &token).await;
    assert_eq!((held(), kept_of_sessions(&redis).await.len()), (Some(1.0), 2), "as many as one has");
}
