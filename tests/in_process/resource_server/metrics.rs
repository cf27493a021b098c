//! What a Prometheus server reads of a resource server, after real requests.

use super::{
    foreign_issuer::{self, Instead},
    server::{RESOURCE, Server, call, list, post},
    trusted_issuers::beside,
};
use crate::metrics_documented::value_of;
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn what_happens_is_counted() {
    let server = Server::start_with("requests_per_minute = 4").await;
    let token = server.token("mcp.read");
    let count = |series: &str| value_of(&server.metrics(), series);
    assert_eq!(count("postern_refusals_total{reason=\"no_token\"}"), Some(0.0));
    for _ in 0..3 {
        assert_eq!(server.list(&token).await.status, StatusCode::OK);
    }
    assert_eq!(server.post(&token, &call("create_event", json!({"title": "x"}))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.list(&token).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.list("aaaa.bbbb.cccc").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get("/nothing-here").await.status, StatusCode::NOT_FOUND);
    server.advance(7);
    for (series, expected) in [
        ("postern_http_requests_total{route=\"/mcp\",status=\"2xx\"}", 3.0),
        ("postern_http_requests_total{route=\"/mcp\",status=\"4xx\"}", 3.0),
        ("postern_http_requests_total{route=\"none\",status=\"4xx\"}", 1.0),
        ("postern_http_request_duration_seconds_count{route=\"/mcp\"}", 6.0),
        ("postern_refusals_total{reason=\"insufficient_scope\"}", 1.0),
        ("postern_refusals_total{reason=\"rate_limited\"}", 1.0),
        ("postern_refusals_total{reason=\"invalid_token\"}", 1.0),
        ("postern_refusals_total{reason=\"other\"}", 0.0),
        ("postern_rate_limited_total{limit=\"mcp\"}", 1.0),
        ("postern_token_cache_total{outcome=\"hit\"}", 4.0),
        ("postern_token_cache_total{outcome=\"miss\"}", 2.0),
        ("postern_principals", 1.0),
        ("postern_running_calls", 0.0),
    ] {
        assert_eq!(count(series), Some(expected), "{series} in {}", server.metrics());
    }
    let keys_at = format!("issuer=\"{}/.well-known/jwks.json\"", server.issuer.url);
    assert_eq!(
        count(&format!("postern_jwks_fetches_total{{{keys_at},outcome=\"ok\"}}")),
        Some(1.0),
        "{}",
        server.metrics()
    );
    for series in [&format!("postern_jwks_age_seconds{{{keys_at}}}"), "postern_revocation_feed_age_seconds"] {
        assert!(count(series).is_some_and(|age| age >= 7.0), "{series} in {}", server.metrics());
    }
    assert!(count(&format!("postern_jwks_keys{{{keys_at}}}")).is_some_and(|keys| keys >= 1.0));
    assert!(count("postern_database_duration_seconds_count{operation=\"read\"}").is_some_and(|reads| reads >= 1.0));
    assert!(count("postern_upstream_duration_seconds_count").is_some());
}

#[tokio::test]
async fn nothing_that_a_caller_chose_becomes_a_label_and_the_public_port_tells_nothing() {
    let server = Server::start().await;
    assert_eq!(server.get("/metrics").await.status, StatusCode::NOT_FOUND);
    let series = |server: &Server| server.metrics().lines().count();
    server.get("/nothing-0").await;
    server.send(post(&server.token("mcp.read"), list().to_string())).await;
    let before = series(&server);
    for number in 1..20 {
        server.get(&format!("/nothing-{number}?{number}")).await;
        let token = server.token_of(&format!("user {number}"), "client", "mcp.read");
        server.call(&token, &format!("tool {number}"), json!({})).await;
        server.send(post(&token, json!({"jsonrpc": "2.0", "id": 1, "method": format!("m{number}")}).to_string())).await;
    }
    // One more class of status for the endpoint.
    assert!(series(&server) <= before + 1, "{before}: {}", server.metrics());
    for chosen in ["user 7", "tool 7", "m7", "nothing-7"] {
        assert!(!server.metrics().contains(chosen), "{chosen} in {}", server.metrics());
    }
}

#[tokio::test]
async fn questions_about_tokens_are_counted_for_each_issuer() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "introspection = \"all\"\nclient_id = \"mcp\"\nclient_secret = \"secret\"").await;
    let claims = foreign.claims(RESOURCE, server.now());
    let jwt = foreign.sign(&claims);
    for token in ["opaque", &jwt] {
        foreign.know(token, &claims);
        assert_eq!(server.list(token).await.status, StatusCode::OK);
    }
    for _ in 0..3 {
        assert_eq!(server.list("nobodys").await.status, StatusCode::UNAUTHORIZED);
    }
    foreign.introspection.answer(Instead::Status(StatusCode::BAD_GATEWAY));
    assert_eq!(server.list("another").await.status, StatusCode::SERVICE_UNAVAILABLE);
    server.issuer.break_feed(true);
    server.advance(40);
    let ours = server.token("mcp.read");
    for _ in 0..2 {
        assert_eq!(server.list(&ours).await.status, StatusCode::OK);
    }
    let page = server.metrics();
    for (issuer, outcome, expected) in [
        (&foreign.issuer, "answered", 3.0),
        (&foreign.issuer, "remembered", 2.0),
        (&foreign.issuer, "failed", 1.0),
        (&server.issuer.url, "answered", 1.0),
        (&server.issuer.url, "remembered", 1.0),
        (&server.issuer.url, "failed", 0.0),
    ] {
        let series = format!("postern_introspections_total{{issuer=\"{issuer}\",outcome=\"{outcome}\"}}");
        assert_eq!(value_of(&page, &series), Some(expected), "{series} in {page}");
    }
}
