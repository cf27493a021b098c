//! `grant_type=refresh_token`: the five rules, and what never counts against a user.

use super::{
    TestServer,
    given::{Given, TOKEN, public_client},
    test_server::RESOURCE,
};
use auth_server::clients::Client;
use std::collections::HashSet;

const GRACE: i64 = 120;
const DAY: i64 = 24 * 3600;

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test]
async fn rule_1_unknown_expired_and_revoked_tokens_are_refused() {
    let server = TestServer::with_app().await;
    let unknown = shared::protocol::opaque_token::OpaqueToken::from_entropy(
        shared::protocol::opaque_token::TokenKind::RefreshToken,
        &[9; 32],
    );
    for text in ["nonsense", unknown.expose(), "postern_ac_x"] {
        assert_eq!(server.refresh(text).await.refusal(), invalid_grant(), "{text}");
    }
    let token = server.family().await;
    server.clock.advance(7 * DAY);
    assert_eq!(server.refresh(&token).await.refusal(), invalid_grant(), "the idle end");
}

#[tokio::test]
async fn rule_2_a_live_token_rotates_and_the_idle_end_slides_up_to_the_absolute_end() {
    let server = TestServer::with_app().await;
    let mut token = server.family().await;
    let mut seen = HashSet::from([token.clone()]);
    for _ in 0..14 {
        server.clock.advance(6 * DAY);
        let answer = server.refresh(&token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        token = answer.text("refresh_token");
        assert!(seen.insert(token.clone()), "every token is new");
    }
    server.clock.advance(6 * DAY - 100);
    let last = server.refresh(&token).await;
    assert_eq!(last.json()["expires_in"], 100, "no token outlives its grant");
    server.clock.advance(100);
    assert_eq!(server.refresh(&last.text("refresh_token")).await.refusal(), invalid_grant(), "ninety days");
}

#[tokio::test]
async fn rule_3_a_used_token_gets_the_live_one_again_whatever_its_generation() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    let second = server.refresh(&first).await.text("refresh_token");
    let again = server.refresh(&first).await;
    assert_eq!(again.text("refresh_token"), second, "nothing rotates");
    let third = server.refresh(&second).await.text("refresh_token");
    let fourth = server.refresh(&third).await.text("refresh_token");
    server.clock.advance(GRACE);
    for old in [&first, &second, &third] {
        assert_eq!(server.refresh(old).await.text("refresh_token"), fourth);
    }
    assert_eq!(server.refresh(&fourth).await.status, 200);
    assert_eq!(server.revoked_grants().await, 0);
}

#[tokio::test]
async fn rule_4_a_lost_answer_never_costs_the_connection() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    let lost = server.refresh(&first).await.text("refresh_token");
    let mut found = lost.clone();
    for _ in 0..3 {
        server.clock.advance(GRACE + 1);
        let again = server.refresh(&first).await.text("refresh_token");
        assert_ne!(again, found, "the unpresented one is superseded");
        assert_eq!(server.refresh(&first).await.text("refresh_token"), again, "racers get one answer");
        found = again;
    }
    assert_eq!(server.refresh(&found).await.status, 200);
    assert_eq!(server.revoked_grants().await, 0);
}

#[tokio::test]
async fn rule_4_a_superseded_token_is_answered_for_a_while_and_is_theft_after() {
    for (later, revoked) in [(GRACE, 0), (GRACE + 1, 1)] {
        let server = TestServer::with_app().await;
        let first = server.family().await;
        let superseded = server.refresh(&first).await.text("refresh_token");
        server.clock.advance(GRACE + 1);
        let live = server.refresh(&first).await.text("refresh_token");
        server.clock.advance(later);
        let answer = server.refresh(&superseded).await;
        assert_eq!(server.revoked_grants().await, revoked, "{answer:?}");
        match revoked {
            0 => assert_eq!(answer.text("refresh_token"), live),
            _ => assert_eq!(answer.refusal(), invalid_grant()),
        }
    }
}

#[tokio::test]
async fn rule_4_moves_no_idle_end() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    server.refresh(&first).await;
    server.clock.advance(6 * DAY);
    let again = server.refresh(&first).await;
    assert_eq!(again.status, 200, "{again:?}");
    server.clock.advance(DAY);
    assert_eq!(server.refresh(&again.text("refresh_token")).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn rule_5_theft_ends_the_family_for_both_and_is_written_down_once() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    let second = server.refresh(&first).await.text("refresh_token");
    let third = server.refresh(&second).await.text("refresh_token");
    server.clock.advance(GRACE + 1);
    assert_eq!(server.refresh(&first).await.refusal(), invalid_grant());
    for token in [&first, &second, &third] {
        assert_eq!(server.refresh(token).await.refusal(), invalid_grant());
    }
    assert_eq!((server.revoked_grants().await, server.audited("refresh_token_theft").await), (1, 1));
}

#[tokio::test]
async fn rule_5_a_thief_who_waited_past_the_tokens_idle_end_is_seen() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    let second = server.refresh(&first).await.text("refresh_token");
    server.clock.advance(6 * DAY);
    let third = server.refresh(&second).await.text("refresh_token");
    server.clock.advance(2 * DAY);
    assert_eq!(server.refresh(&first).await.refusal(), invalid_grant());
    assert_eq!((server.revoked_grants().await, server.audited("refresh_token_theft").await), (1, 1));
    assert_eq!(server.refresh(&third).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn the_period_is_the_clients_own() {
    let server = TestServer::with_app().await;
    server.add_client(&Client { refresh_grace_seconds: Some(3600), ..public_client("codex") }).await;
    let code = server.give(&Given { client: "codex", ..Given::USUAL }).await;
    let ask = |form: Vec<(&'static str, String)>| {
        let server = &server;
        async move {
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            server.post_form(TOKEN, &form).await
        }
    };
    let redeem = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", "codex".to_owned()),
        ("code", code),
        ("code_verifier", super::given::VERIFIER.to_owned()),
    ];
    let refresh = |token: &str| {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", "codex".to_owned()),
            ("refresh_token", token.to_owned()),
        ]
    };
    let first = ask(redeem).await.text("refresh_token");
    let second = ask(refresh(&first)).await.text("refresh_token");
    let third = ask(refresh(&second)).await.text("refresh_token");
    server.clock.advance(3600);
    assert_eq!(ask(refresh(&first)).await.text("refresh_token"), third);
    server.clock.advance(1);
    assert_eq!(ask(refresh(&first)).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn more_than_twenty_replays_of_one_generation_wait() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    let live = server.refresh(&first).await.text("refresh_token");
    server.clock.advance(10);
    for _ in 0..20 {
        assert_eq!(server.refresh(&first).await.text("refresh_token"), live);
    }
    let limited = server.refresh(&first).await;
    assert_eq!(limited.status, 429);
    assert!(!limited.header("retry-after").is_empty());
    assert_eq!(server.refresh(&live).await.status, 200, "the live token is not limited by replays of another");
}

#[tokio::test]
async fn an_answer_to_a_new_network_is_written_down_once() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    server.refresh_from("192.0.2.1", &first).await;
    server.refresh_from("192.0.2.77", &first).await;
    assert_eq!(server.audited("refresh_from_new_address_block").await, 0, "the same block");
    for _ in 0..2 {
        assert_eq!(server.refresh_from("198.51.100.1", &first).await.status, 200);
    }
    assert_eq!(server.audited("refresh_from_new_address_block").await, 1);
}

#[tokio::test]
async fn scope_narrows_one_access_token_and_nothing_else() {
    let server = TestServer::with_app().await;
    let first = server.family().await;
    let narrow = server.refresh_with(&first, &[("scope", "mcp.read offline_access")]).await;
    assert_eq!((narrow.text("scope"), narrow.claims()["scope"].clone()), ("mcp.read".to_owned(), "mcp.read".into()));
    let wide = server.refresh(&narrow.text("refresh_token")).await;
    assert_eq!(wide.text("scope"), "mcp.read mcp.write");
    let ignored = server.refresh_with(&wide.text("refresh_token"), &[("scope", "openid mcp.admin")]).await;
    assert_eq!(ignored.text("scope"), "mcp.read mcp.write");
    let malformed = server.refresh_with(&ignored.text("refresh_token"), &[("scope", "a\"b")]).await;
    assert_eq!(malformed.refusal(), (400, "invalid_scope".to_owned()));
    assert_eq!(server.refresh(&ignored.text("refresh_token")).await.status, 200, "a refusal uses nothing up");
}

#[tokio::test]
async fn checks_come_first_and_use_nothing_up() {
    let server = TestServer::with_app().await;
    server.add_client(&public_client("other")).await;
    let first = server.family().await;
    let second = server.refresh(&first).await.text("refresh_token");
    server.refresh(&second).await;
    server.clock.advance(GRACE + 1);
    // Each of these would be theft, were it not refused before that is decided.
    let foreign = [("grant_type", "refresh_token"), ("client_id", "other"), ("refresh_token", first.as_str())];
    assert_eq!(server.post_form(TOKEN, &foreign).await.refusal(), invalid_grant());
    let target = server.refresh_with(&first, &[("resource", "http://localhost:1/mcp")]).await;
    assert_eq!(target.refusal(), (400, "invalid_target".to_owned()));
    let unknown = [("grant_type", "refresh_token"), ("client_id", "nobody"), ("refresh_token", first.as_str())];
    assert_eq!(server.post_form(TOKEN, &unknown).await.refusal(), (401, "invalid_client".to_owned()));
    assert_eq!(server.revoked_grants().await, 0);
    assert_eq!(server.audited("refresh_token_of_another_client").await, 1);
    assert_eq!(server.refresh_with(&first, &[("resource", RESOURCE)]).await.refusal(), invalid_grant());
    assert_eq!(server.revoked_grants().await, 1, "and this one is theft");
}

#[tokio::test]
async fn a_foreign_client_writes_one_line_an_hour() {
    let server = TestServer::with_app().await;
    for id in ["other", "third"] {
        server.add_client(&public_client(id)).await;
    }
    let token = server.family().await;
    let ask = |id: &'static str| {
        let form = [("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", token.as_str())];
        let server = &server;
        async move { assert_eq!(server.post_form(TOKEN, &form).await.refusal(), invalid_grant()) }
    };
    for _ in 0..100 {
        ask("other").await;
    }
    ask("third").await;
    assert_eq!(server.audited("refresh_token_of_another_client").await, 2, "one for each client");
    server.clock.advance(3600);
    ask("other").await;
    assert_eq!(server.audited("refresh_token_of_another_client").await, 3);
    assert_eq!(server.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn a_disabled_user_gets_nothing() {
    let server = TestServer::with_app().await;
    let token = server.family().await;
    let work = |mut tx| async move {
        auth_server::store::user_account::disable(&mut tx, "ann", super::test_server::START).await
    };
    server.app.store.write::<_, shared::db::StoreError, _, _>(work).await.expect("disabled");
    assert_eq!(server.refresh(&token).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn a_family_is_limited_and_the_limit_never_hides_invalid_grant() {
    let server = TestServer::start_with("refreshes_per_minute = 10").await;
    server.add_user("ann", &["member"]).await;
    server.add_client(&public_client("app")).await;
    let (mut token, other) = (server.family().await, server.family().await);
    for _ in 0..10 {
        token = server.refresh(&token).await.text("refresh_token");
    }
    let limited = server.refresh(&token).await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "60"));
    assert_eq!(server.refresh(&other).await.status, 200, "another family is not meant");
    for _ in 0..50 {
        assert_eq!(server.refresh("nonsense").await.refusal(), invalid_grant());
    }
    server.clock.advance(8 * DAY);
    assert_eq!(server.refresh(&token).await.refusal(), invalid_grant());
}
