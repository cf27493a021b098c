//! The limit of a principal, with its headers.

use super::server::{Server, call, list, post};
use axum::http::{Request, StatusCode};
use serde_json::json;
use shared::http::PeerAddress;

#[tokio::test]
async fn the_121st_request_of_a_minute_is_429_with_headers() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for used in 1..=120 {
        let answer = server.list(&token).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("x-ratelimit-limit"), "120");
        assert_eq!(answer.header("x-ratelimit-remaining"), (120 - used).to_string());
    }
    let refused = server.list(&token).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.text(), "Rate limit exceeded.");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert!((1..=60).contains(&refused.header("retry-after").parse::<i64>().expect("seconds")));
    assert!(refused.header("ratelimit").contains("r=0") && refused.header("ratelimit-policy").contains("q=120"));
    let mut renewed = server.claims("mcp.read mcp.write");
    renewed["jti"] = "jti-2".into();
    let renewed = server.list(&server.sign(&renewed)).await;
    assert_eq!(renewed.status, StatusCode::TOO_MANY_REQUESTS, "a fresh token is the same principal");
    for (subject, client) in [("bob", "client"), ("alice", "another client")] {
        let other = server.list(&server.token_of(subject, client, "mcp.read")).await;
        assert_eq!(other.status, StatusCode::OK, "{subject} {client}");
    }
    server.advance(60);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_tool_has_a_limit_of_its_own_within_that_of_its_principal() {
    let server = Server::start_with("tool_limits = [\"whoami=2\"]").await;
    let (token, who) = (server.token("mcp.read"), call("whoami", json!({})));
    for left in [1, 0] {
        let answer = server.post(&token, &who).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            (answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")),
            ("2", &*left.to_string())
        );
        assert!(answer.header("ratelimit").contains("\"principal\";r=11"), "{}", answer.header("ratelimit"));
    }
    let refused = server.post(&token, &who).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=60).contains(&refused.header("retry-after").parse::<i64>().expect("seconds")));
    assert!(refused.header("ratelimit").contains("\"tool\";r=0"), "{}", refused.header("ratelimit"));
    assert!(refused.text().contains("(tool_limits)"), "{}", refused.text());
    let other = server.list(&token).await;
    assert_eq!((other.status, other.header("x-ratelimit-limit")), (StatusCode::OK, "120"), "other operations go on");
    let batch = json!([who, list()]);
    assert_ne!(server.post(&token, &batch).await.status, StatusCode::OK, "nor does a batch get around it");
    let other = server.token_of("bob", "client", "mcp.read");
    assert_eq!(server.post(&other, &who).await.status, StatusCode::OK, "another principal");
    server.advance(60);
    assert_eq!(server.post(&token, &who).await.status, StatusCode::OK);
}

#[tokio::test]
async fn forged_tokens_of_a_neighbour_shut_nobody_out() {
    let server = Server::start().await;
    let from = |address: &str, token: &str| {
        let mut request: Request<_> = post(token, list().to_string());
        request.extensions_mut().insert(PeerAddress(format!("{address}:4711").parse().expect("an address")));
        server.send(request)
    };
    let honest = server.token("mcp.read");
    let (content, _signature) = honest.rsplit_once('.').expect("three parts");
    let wrong_signature = format!("{content}.{}", "A".repeat(86));
    for used in 0..60 {
        let forged = if used % 2 == 0 { "aaaa.bbbb.cccc" } else { &wrong_signature };
        assert_eq!(from("203.0.113.9", forged).await.status, StatusCode::UNAUTHORIZED);
    }
    for forged in ["aaaa.bbbb.cccc", &wrong_signature] {
        let refused = from("203.0.113.77", forged).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!((1..=60).contains(&refused.header("retry-after").parse::<i64>().expect("seconds")));
        assert_eq!(refused.header("ratelimit-policy"), "\"forged-tokens\";q=60;w=60");
    }
    let seen_first = from("203.0.113.77", &honest).await;
    assert_eq!(seen_first.status, StatusCode::OK, "a good token that was never seen, from the same block");
}
