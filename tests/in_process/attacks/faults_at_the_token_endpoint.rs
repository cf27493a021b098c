//! Every statement of the code and refresh transactions fails once, in every way: no token leaves without its row, no row is
//! half written, and the user's connection is never lost.

use super::nth_fault::{FAULTS, POINTS_MAX, server_with_faults};
use crate::auth_server::{TestServer, database, given::Given};
use shared::db::{Fault, Store};

const GRACE: i64 = 120;
/// With an ID token, which must not get out either.
const WITH_OPENID: Given<'static> = Given { scope: "mcp.read openid", ..Given::USUAL };

/// What a family looked like before the request that fails.
#[derive(Debug, Clone, Copy)]
enum Before {
    Live,
    /// In the same moment: its answer only reads.
    JustRaced,
    /// A while ago: its replay is counted.
    JustUsed,
    AnswerLost,
}

/// The token to present.
async fn prepare(server: &TestServer, before: Before) -> String {
    let token = server.redeem(&server.give(&WITH_OPENID).await).await.text("refresh_token");
    server.follow().await;
    if !matches!(before, Before::Live) {
        server.refresh(&token).await;
    }
    server.clock.advance(match before {
        Before::Live | Before::JustRaced => 0,
        Before::JustUsed => 10,
        Before::AnswerLost => GRACE + 1,
    });
    token
}

async fn refresh_never_loses_the_grant(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    for before in [Before::Live, Before::JustRaced, Before::JustUsed, Before::AnswerLost] {
        for fault in FAULTS {
            let mut failed = 0;
            for n in 1..POINTS_MAX {
                let token = prepare(&server, before).await;
                faults.arm(n, fault);
                let answer = server.refresh(&token).await;
                if !faults.disarm() {
                    assert_eq!(answer.status, 200);
                    break;
                }
                failed += 1;
                let context = format!("{before:?} {fault:?} at {n}: {answer:?}");
                match answer.status.as_u16() {
                    200 => assert!(matches!(fault, Fault::Conflict), "{context}"),
                    503 => assert!(!answer.header("retry-after").is_empty(), "{context}"),
                    _ => panic!("{context}"),
                }
                assert!(answer.status == 200 || !answer.body.contains("_token\""), "no token out: {context}");
                let again = server.refresh(&token).await;
                assert_eq!(again.status, 200, "the grant was lost: {context} {again:?}");
                let next = server.refresh(&again.text("refresh_token")).await;
                assert_eq!(next.status, 200, "the answer was not durable: {context} {next:?}");
            }
            let statements = if matches!(before, Before::JustRaced) { 3 } else { 4 };
            assert!(failed >= statements, "{before:?} {fault:?} met only {failed} statements");
        }
    }
    assert_eq!(server.revoked_grants().await, 0);
}

async fn a_code_is_redeemed_or_burnt_and_nothing_between(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    for fault in FAULTS {
        let mut failed = 0;
        for n in 1..POINTS_MAX {
            let code = server.give(&WITH_OPENID).await;
            faults.arm(n, fault);
            let answer = server.redeem(&code).await;
            if !faults.disarm() {
                assert_eq!(answer.status, 200);
                break;
            }
            failed += 1;
            let context = format!("{fault:?} at {n}: {answer:?}");
            if answer.status == 200 {
                assert!(matches!(fault, Fault::Conflict), "{context}");
                continue;
            }
            assert_eq!(answer.status, 503, "{context}");
            assert!(!answer.body.contains("_token\""), "no token out: {context}");
            let again = server.redeem(&code).await;
            // An unknown COMMIT that did happen has burnt the code; before it, nothing has.
            let committed = again.status == 400 && matches!(fault, Fault::FailAfter);
            assert!(again.status == 200 || committed, "{context} {again:?}");
        }
        assert!(failed >= 4, "{fault:?} met only {failed} statements");
    }
}

async fn theft_is_written_whole_or_not_at_all(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    for fault in FAULTS {
        for n in 1..POINTS_MAX {
            let first = server.family().await;
            let second = server.refresh(&first).await.text("refresh_token");
            let live = server.refresh(&second).await.text("refresh_token");
            server.clock.advance(GRACE + 1);
            let before = (server.revoked_grants().await, server.audited("refresh_token_theft").await);
            faults.arm(n, fault);
            let answer = server.refresh(&first).await;
            let met = faults.disarm();
            let after = (server.revoked_grants().await, server.audited("refresh_token_theft").await);
            let context = format!("{fault:?} at {n}: {answer:?}");
            let revoked = after.0 - before.0;
            assert_eq!(revoked, after.1 - before.1, "change log and audit agree: {context}");
            if answer.status == 503 {
                let expected = if revoked == 1 { 400 } else { 200 };
                assert_eq!(server.refresh(&live).await.status, expected, "{context}");
            } else {
                assert_eq!((answer.refusal(), revoked), ((400, "invalid_grant".to_owned()), 1), "{context}");
            }
            if !met {
                break;
            }
        }
    }
}

/// What is not known is 503: an application that heard 401 would sign its person out.
async fn userinfo_says_nothing_that_it_does_not_know(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    let token = server.redeem(&server.give(&WITH_OPENID).await).await.text("access_token");
    let ask = || server.call("GET", "/oauth2/userinfo", &token, &serde_json::Value::Null);
    for fault in [Fault::FailBefore, Fault::Unavailable] {
        let mut failed = 0;
        for n in 1..POINTS_MAX {
            faults.arm(n, fault);
            let answer = ask().await;
            if !faults.disarm() {
                assert_eq!(answer.status, 200, "{answer:?}");
                break;
            }
            failed += 1;
            assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()), "{fault:?} at {n}");
            assert!(!answer.header("retry-after").is_empty() && !answer.body.contains("\"sub\""), "{answer:?}");
            assert_eq!(ask().await.status, 200);
        }
        assert!(failed >= 1, "{fault:?}");
    }
}

database::for_each_database!(
    refresh_never_loses_the_grant,
    a_code_is_redeemed_or_burnt_and_nothing_between,
    theft_is_written_whole_or_not_at_all,
    userinfo_says_nothing_that_it_does_not_know,
);
