//! Whoever may refresh takes tokens and ends them one by one: each would be a row that stays and an event that every resource server remembers.

use crate::auth_server::{TestServer, given::Given};
use auth_server::grants::rate_limits::ENDED_TOKENS;

const REVOKE: &str = "/oauth2/revoke";

#[tokio::test]
async fn one_person_ends_so_many_tokens_a_minute_and_no_more() {
    let server = TestServer::start_with("refreshes_per_minute = 1000").await.and_app().await;
    // From several grants: what counts is whose the tokens are.
    let mut families = Vec::new();
    for _ in 0..2 {
        families.push(server.redeem(&server.give(&Given::USUAL).await).await.text("refresh_token"));
    }
    let allowed = ENDED_TOKENS.requests;
    for number in 0..=allowed {
        let family = &mut families[number as usize % 2];
        let answer = server.refresh(family).await;
        *family = answer.text("refresh_token");
        let form = [("client_id", "app"), ("token", &answer.text("access_token"))];
        let revoked = server.post_form(REVOKE, &form).await;
        let expected = if number < allowed { 200 } else { 429 };
        assert_eq!(revoked.status, expected, "{number}: {revoked:?}");
        assert_eq!(revoked.header("retry-after").is_empty(), number < allowed);
    }
    assert_eq!(server.audited("access_token_revoked").await, i64::from(allowed));
    // The whole grant is one row, whatever was ended before.
    for family in &families {
        assert_eq!(server.post_form(REVOKE, &[("client_id", "app"), ("token", family)]).await.status, 200);
    }
    assert_eq!(server.revoked_grants().await, 2);
}
