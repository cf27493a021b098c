//! The scope policy: who may call and see what, and how a step-up is asked for.

use super::server::{Server, call};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_scope_that_could_be_granted_is_asked_for_with_all_of_the_operation() {
    let server = Server::start().await;
    let answer = server.call(&server.token("mcp.read"), "create_event", json!({"title": "x"})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
    let asks = "scope=\"mcp.read mcp.write\"";
    assert!(challenge.contains(asks), "what is held is not lost by whoever asks for no more than this: {challenge}");
    assert!(challenge.contains("resource_metadata=\"http://localhost:9500/.well-known/oauth-protected-resource/mcp\""));
    assert_eq!(answer.json()["id"], 1);
    let read = server.call(&server.token("mcp.write"), "list_events", json!({})).await;
    assert_eq!(read.status, StatusCode::FORBIDDEN, "to write is not to read");
    let none = server.call(&server.token(""), "whoami", json!({})).await;
    assert_eq!(none.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_tool_that_could_never_be_granted_is_like_one_that_is_not_there() {
    let server = Server::start().await;
    let token = server.token("mcp.read mcp.write");
    let hidden = server.call(&token, "clear_events", json!({})).await;
    let absent = server.call(&token, "clear_eventz", json!({})).await;
    assert_eq!((hidden.status, hidden.code()), (StatusCode::OK, -32602));
    assert_eq!(hidden.status, absent.status);
    assert_eq!(hidden.text().replace("clear_events", "X"), absent.text().replace("clear_eventz", "X"));
    assert!(hidden.text().contains("Tool not found: clear_events"));
    let differing =
        |name: &str| !["content-length", "x-request-id", "x-ratelimit-remaining", "ratelimit"].contains(&name);
    let headers = |answer: &super::server::Answer| {
        let kept = answer.headers.iter().filter(|(name, _)| differing(name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(headers(&hidden), headers(&absent));
    assert_eq!(names(&server.list(&token).await.json()), ["create_event", "list_events", "whoami"]);
}

#[tokio::test]
async fn an_administrator_sees_all_and_a_broader_scope_holds_the_narrower() {
    let server = Server::start().await;
    let mut claims = server.claims("mcp.read");
    claims["roles"] = json!(["administrator"]);
    let token = server.sign(&claims);
    assert_eq!(names(&server.list(&token).await.json()), ["clear_events", "create_event", "list_events", "whoami"]);
    let step_up = server.call(&token, "clear_events", json!({})).await;
    assert_eq!(step_up.status, StatusCode::FORBIDDEN);
    assert!(step_up.header("www-authenticate").contains("scope=\"mcp.admin mcp.read\""));
    claims["scope"] = json!("mcp.admin");
    claims["jti"] = json!("another");
    let token = server.sign(&claims);
    for tool in ["whoami", "list_events", "clear_events"] {
        let answer = server.call(&token, tool, json!({})).await;
        assert!(answer.json()["result"]["structuredContent"].is_object(), "{tool}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_machine_is_asked_for_what_it_is_registered_for_and_nothing_else_is_there() {
    let server = Server::start().await;
    let mut claims = server.claims("mcp.read");
    claims["sub"] = json!("client");
    for name in ["roles", "grant_id"] {
        claims.as_object_mut().expect("an object").remove(name);
    }
    let token = server.sign(&claims);
    assert_eq!(names(&server.list(&token).await.json()), ["list_events", "whoami"]);
    let answer = server.call(&token, "create_event", json!({"title": "x"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, -32602));

    (claims["registered_scope"], claims["jti"]) = (json!("mcp.read mcp.write"), json!("narrowed"));
    let token = server.sign(&claims);
    assert_eq!(names(&server.list(&token).await.json()), ["create_event", "list_events", "whoami"]);
    let answer = server.call(&token, "create_event", json!({"title": "x"})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"mcp.read mcp.write\""), "{challenge}");
    let answer = server.call(&token, "clear_events", json!({})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, -32602), "registered for none of it");
}

#[tokio::test]
async fn each_tool_says_which_scopes_its_token_needs() {
    let server = Server::start().await;
    let listed = server.list(&server.token("mcp.read")).await.json();
    let tools = listed["result"]["tools"].as_array().expect("tools").iter();
    let schemes = tools
        .map(|tool| {
            assert_eq!(
                tool["_meta"]["securitySchemes"], tool["securitySchemes"],
                "where clients look that drop the other"
            );
            (tool["name"].clone(), tool["securitySchemes"].clone())
        })
        .collect::<Vec<_>>();
    let needs = |scope: &str| json!([{"type": "oauth2", "scopes": [scope]}]);
    assert_eq!(
        schemes,
        [
            (json!("create_event"), needs("mcp.write")),
            (json!("list_events"), needs("mcp.read")),
            (json!("whoami"), needs("mcp.read")),
        ]
    );
}

#[tokio::test]
async fn the_decision_is_made_on_the_body_whatever_the_headers_say() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    let mut request = super::server::post(&token, call("create_event", json!({"title": "x"})).to_string());
    request.headers_mut().insert("mcp-method", "tools/call".parse().expect("a value"));
    request.headers_mut().insert("mcp-name", "whoami".parse().expect("a value"));
    assert_eq!(server.send(request).await.status, StatusCode::FORBIDDEN);
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","name":"create_event","arguments":{"title":"x"}}}"#;
    let answer = server.send(super::server::post(&token, twice)).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32602));
}

#[tokio::test]
async fn what_is_read_beside_tools_needs_the_scope_to_read() {
    let server = Server::start().await;
    let messages = [
        ("resources/read", json!({"uri": "test://a"})),
        ("resources/list", json!({})),
        ("prompts/get", json!({"name": "a"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "a"}, "argument": {"name": "a", "value": ""}}),
        ),
    ];
    for (method, params) in messages {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let refused = server.post(&server.token_of("bob", "client", "mcp.write"), &message).await;
        assert_eq!((refused.status, &refused.json()["id"]), (StatusCode::FORBIDDEN, &json!(1)), "{method}");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains("scope=\"mcp.read mcp.write\""), "{challenge}");
        for scopes in ["mcp.read", "mcp.admin"] {
            let answer = server.post(&server.token_of("carol", "client", scopes), &message).await;
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} with {scopes}: {}", answer.text());
        }
        let batch = json!([{"jsonrpc": "2.0", "id": 2, "method": "ping"}, message]);
        let refused = server.post(&server.token_of("dave", "client", "mcp.write"), &batch).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} in good company");
    }
}
