//! What token answers say of the limit they were counted under, in both dialects, to pages of other origins too.

use super::{
    Answer, TestServer,
    given::{SECRET, TOKEN, basic, confidential_client},
    test_server::START,
};

fn said(answer: &Answer) -> [&str; 5] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"]
        .map(|name| answer.header(name))
}

#[tokio::test]
async fn a_machine_is_told_what_is_left_and_when_there_is_more() {
    let server = TestServer::start_with("machine_tokens_per_minute = 2").await;
    server.add_client(&confidential_client("machine")).await;
    let (authorization, form) = (basic("machine", SECRET), [("grant_type", "client_credentials")]);
    let ask = || server.post_form_as(TOKEN, &authorization, &form);
    let (reset, policy) = ((START + 60).to_string(), "\"tokens-of-machine\";q=2;w=60");
    for (status, left) in [(200, "1"), (200, "0"), (429, "0")] {
        let answer = ask().await;
        assert_eq!(answer.status, status);
        let field = format!("\"tokens-of-machine\";r={left};t=60");
        assert_eq!(said(&answer), ["2", left, &reset, &field, policy]);
        assert_eq!(answer.header("retry-after"), if status == 429 { "60" } else { "" });
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "retry-after"] {
            assert!(exposed.split(", ").any(|header| header == name), "{name}");
        }
    }
    server.clock.advance(60);
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn a_refresh_is_told_the_limit_of_its_grant_and_a_worthless_token_none() {
    let server = TestServer::start_with("refreshes_per_minute = 10").await.and_app().await;
    let first = server.family().await;
    let answer = server.refresh(&first).await;
    assert_eq!(said(&answer)[..2], ["10", "9"]);
    assert!(answer.header("ratelimit-policy").starts_with("\"refresh-of-grant\""));
    let again = server.refresh(&first).await;
    assert!(again.header("ratelimit-policy").starts_with("\"answers-to-left-token\""), "{again:?}");
    for token in ["garbage", "postern_rt_unknown"] {
        let refused = server.refresh(token).await;
        assert_eq!((refused.error().as_str(), said(&refused)), ("invalid_grant", [""; 5]));
    }
    let mut token = answer.text("refresh_token");
    for left in (0..9).rev() {
        let answer = server.refresh(&token).await;
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
        token = answer.text("refresh_token");
    }
    let limited = server.refresh(&token).await;
    assert_eq!((limited.status.as_u16(), limited.header("x-ratelimit-remaining")), (429, "0"));
    server.clock.advance(60);
    assert_eq!(server.refresh(&token).await.status, 200, "429 used nothing up");
}
