//! What clients hear that do not step up by themselves: a link for their person, and no loop.

use super::server::{Answer, Server, call, post};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use url::Url;

/// A token of alice's grant, as refreshing gives it.
fn token(server: &Server, grant: &str, id: &str, scope: &str) -> String {
    let mut claims = server.claims(scope);
    (claims["grant_id"], claims["jti"]) = (json!(grant), json!(id));
    server.sign(&claims)
}

async fn create(server: &Server, token: &str) -> Answer {
    server.call(token, "create_event", json!({"title": "x"})).await
}

/// The URL in the text of a tool's error.
fn link(answer: &Answer) -> Url {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let result = &answer.json()["result"];
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().expect("a text").to_owned();
    let url = text.split_whitespace().find(|word| word.starts_with("http")).expect("a link");
    Url::parse(url).expect("a URL")
}

/// The same call as a client of 2026-07-28 sends it, with these capabilities and this more in its parameters.
fn modern(token: &str, capabilities: &Value, more: &Value) -> Request<Body> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let mut message = call("create_event", json!({"title": "x"}));
    message["params"]["_meta"] = meta;
    message["params"].as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let mut request = post(token, message.to_string());
    for (name, value) in
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "create_event")]
    {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    request
}

#[tokio::test]
async fn a_client_that_only_refreshed_gets_a_link_for_its_person_and_then_finds_what_was_allowed() {
    let server = Server::start().await;
    let first = token(&server, "g", "1", "mcp.read");
    for _ in 0..2 {
        let challenged = create(&server, &first).await;
        assert_eq!(challenged.status, StatusCode::FORBIDDEN, "nothing was tried yet");
    }
    let refreshed = token(&server, "g", "2", "mcp.read");
    let answer = create(&server, &refreshed).await;
    let url = link(&answer);
    assert_eq!(url.as_str().split('?').next(), Some(format!("{}/step-up", server.issuer.url).as_str()));
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    assert_eq!(pairs, [("grant".to_owned(), "g".to_owned()), ("scope".to_owned(), "mcp.write".to_owned())]);
    let challenge = &answer.json()["result"]["_meta"]["mcp/www_authenticate"][0];
    let challenge = challenge.as_str().expect("a challenge");
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"mcp.read mcp.write\"") && challenge.contains("resource_metadata="));
    assert_eq!(answer.header("www-authenticate"), "", "clients retry at a header");
    assert_eq!(create(&server, &refreshed).await.status, StatusCode::FORBIDDEN, "so that its client refreshes");
    let wider = token(&server, "g", "3", "mcp.read mcp.write");
    assert!(create(&server, &wider).await.json()["result"]["structuredContent"].is_object());
}

#[tokio::test]
async fn other_grants_machines_and_other_issuers_have_no_link() {
    let server = Server::start().await;
    assert_eq!(create(&server, &token(&server, "g1", "1", "mcp.read")).await.status, StatusCode::FORBIDDEN);
    let anew = create(&server, &token(&server, "g2", "2", "mcp.read")).await;
    assert_eq!(anew.status, StatusCode::FORBIDDEN, "a new grant is a step-up that did not bring enough");
    let machine = |id: &str| {
        let mut claims = server.claims("mcp.read");
        (claims["sub"], claims["jti"], claims["registered_scope"]) =
            (json!("client"), json!(id), json!("mcp.read mcp.write"));
        for name in ["roles", "grant_id"] {
            claims.as_object_mut().expect("an object").remove(name);
        }
        server.sign(&claims)
    };
    for id in ["m1", "m2"] {
        assert_eq!(create(&server, &machine(id)).await.status, StatusCode::FORBIDDEN);
    }
    // In a batch one refusal is everybody's, as it is without a link.
    let batch = json!([call("create_event", json!({"title": "x"})), call("whoami", json!({}))]);
    for id in ["b1", "b2"] {
        let answer = server.post(&token(&server, "g3", id, "mcp.read"), &batch).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    }
    let hidden = server.call(&token(&server, "g1", "3", "mcp.read"), "clear_events", json!({})).await;
    assert_eq!(hidden.code(), -32602, "what can never be granted is not there, refreshed or not");
}

#[tokio::test]
async fn a_client_that_shows_links_is_asked_to_and_a_person_who_declines_is_not_asked_again() {
    let server = Server::start().await;
    let shows = json!({"elicitation": {"url": {}}});
    let call = async |id: &str, capabilities: &Value, more: Value| {
        server.send(modern(&token(&server, "g", id, "mcp.read"), capabilities, &more)).await
    };
    assert_eq!(call("1", &shows, json!({})).await.status, StatusCode::FORBIDDEN);
    let answer = call("2", &shows, json!({})).await;
    let result = answer.json()["result"].clone();
    assert_eq!((answer.status, &result["resultType"]), (StatusCode::OK, &json!("input_required")), "{result}");
    let request = &result["inputRequests"]["step-up"];
    assert_eq!((&request["method"], &request["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    let url = request["params"]["url"].as_str().expect("a URL");
    assert!(url.starts_with(&format!("{}/step-up?grant=g&", server.issuer.url)), "{url}");

    let answered = |action: &str| json!({"inputResponses": {"step-up": {"action": action}}});
    assert_eq!(call("2", &shows, answered("accept")).await.status, StatusCode::FORBIDDEN, "refresh, and it is there");
    for action in ["decline", "cancel"] {
        let declined = call("2", &shows, answered(action)).await;
        link(&declined);
        assert_eq!(declined.json()["result"]["resultType"], "complete");
    }
    let form_only = json!({"elicitation": {"form": {}}});
    link(&call("3", &form_only, json!({})).await);
}
