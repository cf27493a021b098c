//! A forbidden call hides: in a batch of allowed ones, as a notification, as an answer, under a member that is given twice, in a form that
//! one parser reads and another does not.

use crate::resource_server::server::{Answer, Server, call, list, post};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn create(title: &str) -> Value {
    call("create_event", json!({"title": title}))
}

async fn send(server: &Server, token: &str, body: &str) -> Answer {
    server.send(post(token, body.to_owned())).await
}

async fn events(server: &Server) -> Value {
    let answer = server.call(&server.token("mcp.read"), "list_events", json!({})).await;
    answer.json()["result"]["structuredContent"]["events"].clone()
}

#[tokio::test]
async fn a_batch_with_a_forbidden_call_runs_none_of_its_calls() {
    let server = Server::start_with("requests_per_minute = 1000").await;
    let writer = server.token("mcp.write");
    let forbidden = call("list_events", json!({}));
    let notified = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "list_events"}});
    for batch in [
        json!([forbidden, create("after")]),
        json!([create("before"), forbidden]),
        json!([create("before"), notified]),
        json!([create("1"), list(), create("2"), forbidden, create("3")]),
    ] {
        let answer = send(&server, &writer, &batch.to_string()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{batch}: {}", answer.text());
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("insufficient_scope") && challenge.contains("mcp.read"), "{batch}: {challenge}");
        assert_eq!(answer.json()["error"]["data"]["error"], "insufficient_scope");
    }
    assert_eq!(events(&server).await, json!([]), "nothing was created");
    let hidden = json!([create("kept"), call("clear_events", json!({}))]);
    let answer = send(&server, &writer, &hidden.to_string()).await;
    assert_eq!(answer.json()[1]["error"]["code"], -32602, "a tool that this person can never have: {}", answer.text());
    assert_eq!(events(&server).await.as_array().map(Vec::len), Some(1), "and it cleared nothing");
}

#[tokio::test]
async fn a_call_that_wants_no_answer_is_judged_as_well() {
    let server = Server::start().await;
    let reader = server.token("mcp.read");
    let mut silent = create("silent");
    silent.as_object_mut().expect("an object").remove("id");
    let answer = send(&server, &reader, &silent.to_string()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    assert_eq!(events(&server).await, json!([]));
}

#[tokio::test]
async fn what_two_parsers_could_read_differently_is_refused() {
    let server = Server::start_with("requests_per_minute = 1000").await;
    let reader = server.token("mcp.read");
    let arguments = r#""arguments":{"title":"x"}"#;
    for body in [
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{{"name":"create_event",{arguments}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"whoami","name":"create_event",{arguments}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"n\u0061me":"create_event","name":"whoami",{arguments}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{}},"params":{{"name":"create_event",{arguments}}}}}"#
        ),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["create_event",{"title":"x"}]}"#.to_owned(),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"method":"tools/call","params":{{"name":"create_event",{arguments}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list"}}{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"create_event",{arguments}}}}}"#
        ),
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}\n{{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{{\"name\":\"create_event\",{arguments}}}}}"
        ),
        format!("[[{}]]", create("x")),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[{}]}}"#, create("x")),
    ] {
        let answer = send(&server, &reader, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text());
    }
    for name in ["Create_Event", "create_event ", " create_event", "create_event\u{0}", "create_eve\u{301}nt"] {
        let answer = server.call(&reader, name, json!({"title": "x"})).await;
        assert_eq!(answer.code(), -32602, "{name:?}: another name is another tool");
    }
    let escaped = r#"{"jsonrpc":"2.0","id":1,"method":"t\u006fols/call","params":{"name":"cre\u0061te_event","arguments":{"title":"x"}}}"#;
    assert_eq!(send(&server, &reader, escaped).await.status, StatusCode::FORBIDDEN, "an escape is the same name");
    assert_eq!(events(&server).await, json!([]));
}
