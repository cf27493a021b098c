//! Bodies that want to be expensive: giant, deep, slow, many messages in one. Each is refused within its limit, with the words of JSON-RPC,
//! and the server answers others meanwhile.

use crate::resource_server::server::{IN_TIME, Server, list, post};
use axum::{
    body::Body,
    http::{StatusCode, header},
};
use bytes::Bytes;
use serde_json::json;
use std::{convert::Infallible, time::Duration};

const MEBIBYTE: usize = 1024 * 1024;

#[tokio::test]
async fn giants_are_refused_whatever_they_are_made_of() {
    let server = Server::start_with("requests_per_minute = 1000").await;
    let token = server.token("mcp.read");
    let filled =
        |open: &str, fill: &str, close: &str| format!("{open}{}{close}", fill.repeat(MEBIBYTE / fill.len() + 1));
    for body in [
        filled(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":""#, "x", r#""}}"#),
        filled(r#"{"jsonrpc":"2.0","id":""#, "x", r#"","method":"tools/list"}"#),
        filled(r#"{"jsonrpc":"2.0","id":1,"method":""#, "x", r#""}"#),
        filled(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":["#, "1,", "1]}}"),
        filled("[", "1,", "1]"),
        filled("", "[", ""),
        filled("", " ", "{}"),
    ] {
        let answer = server.send(post(&token, body)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text());
    }
    let mut announced = post(&token, list().to_string());
    announced.headers_mut().insert(header::CONTENT_LENGTH, "99999999999".parse().expect("a value"));
    assert_eq!(server.send(announced).await.status, StatusCode::PAYLOAD_TOO_LARGE, "before any of it is read");
    for (under_the_limit, code) in [
        (format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(MEBIBYTE / 2)), -32600),
        (format!("[{}1]", "1,".repeat(5_000)), -32600),
        (format!("[{}{{}}]", "{},".repeat(5_000)), -32600),
        (format!("[{}1]", "1,".repeat(MEBIBYTE / 4)), -32700),
        (format!("[{}{{}}]", "{},".repeat(MEBIBYTE / 4)), -32700),
    ] {
        let answer = server.send(post(&token, under_the_limit)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, code));
    }
}

/// A mebibyte of tiny values would be hundreds of them as trees, of which whoever looks for the right method makes several: one after the other
/// where what is in the message stands before its method.
#[tokio::test]
async fn many_small_values_are_refused_before_anybody_makes_trees_of_them() {
    let server = Server::start_with("requests_per_minute = 1000").await;
    let (reader, writer) = (server.token("mcp.read"), server.token("mcp.read mcp.write"));
    let message = |method: &str, name: &str, values: usize, small: &str| {
        let values = format!("{}{small}", format!("{small},").repeat(values - 1));
        let arguments = format!(r#"{{"title":"tea","a":[{values}]}}"#);
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"params":{{"name":"{name}","arguments":{arguments}}},"method":"{method}"}}"#
        )
    };
    let create = |values: usize, small: &str| message("tools/call", "create_event", values, small);
    for small in ["0", "[]", "{}", "[0]", r#"{"":0}"#, r#""""#] {
        let just_under_a_mebibyte = (MEBIBYTE - 8192) / (small.len() + 1);
        let many = create(just_under_a_mebibyte, small);
        let level = message("logging/setLevel", "", just_under_a_mebibyte, small);
        let part = create(just_under_a_mebibyte / 32, small);
        let batch = format!("[{}{part}]", format!("{part},").repeat(31));
        // The last one would be told to step up, by whoever reads all of it.
        for (token, body) in [(&writer, &many), (&writer, &level), (&writer, &batch), (&reader, &many)] {
            let answer = server.send(post(token, body.clone())).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32700), "{small}: {}", answer.text());
        }
    }
    let events = server.call(&writer, "list_events", json!({})).await;
    assert_eq!(events.json()["result"]["structuredContent"]["events"], json!([]), "nothing was run");
    for (count, small) in [(19_900, "0"), (9_900, r#"{"":0}"#)] {
        let answer = server.send(post(&writer, message("tools/call", "whoami", count, small))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["result"]["structuredContent"]["subject"], "alice");
    }
}

#[tokio::test]
async fn depth_is_refused_wherever_it_hides() {
    let server = Server::start_with("requests_per_minute = 1000").await;
    let token = server.token("mcp.read");
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let (arrays, objects) = (deep("[", "]"), deep("{\"a\":", "}"));
    for nested in [&arrays, &objects] {
        for body in [
            nested.clone(),
            format!("[{nested}]"),
            format!(r#"{{"jsonrpc":"2.0","id":{nested},"method":"tools/list"}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{nested}}}"#),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"whoami","arguments":{nested}}}}}"#
            ),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{nested}}}}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","unknown":{nested}}}"#),
        ] {
            let answer = server.send(post(&token, body)).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32700), "{}", answer.text());
        }
    }
    let half = "[".repeat(100_000);
    assert_eq!(server.send(post(&token, half)).await.code(), -32700, "nor is one that never closes");
}

/// A byte now and then keeps no request alive: the limit is on the whole body.
#[tokio::test]
async fn a_body_that_drips_is_408_and_holds_up_nobody() {
    let server = Server::start_with("body_timeout = 1").await;
    let token = server.token("mcp.read");
    let drips = || {
        let now_and_then = tokio::time::interval(Duration::from_millis(50));
        let drops = futures_util::stream::unfold(now_and_then, |mut now_and_then| async {
            now_and_then.tick().await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), now_and_then))
        });
        Body::from_stream(drops)
    };
    let (first, second) = (post(&token, drips()), post(&token, drips()));
    let others = async {
        for _ in 0..20 {
            assert_eq!(server.list(&token).await.status, StatusCode::OK);
        }
    };
    let all = async { tokio::join!(server.send(first), server.send(second), others) };
    let (first, second, ()) = tokio::time::timeout(IN_TIME, all).await.expect("in time");
    for answer in [first, second] {
        assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{}", answer.text());
    }
}
