//! Every statement behind sign-in, decision and set-up fails once, in every way: nobody gets a cookie, a code or an account without its row, and
//! whoever tries again gets there.

use super::nth_fault::{FAULTS, POINTS_MAX, server_with_faults};
use crate::auth_server::{
    TestServer,
    browser::{Browser, Form, form},
    database,
    sign_on::id_token,
    visitors::{Ask, PASSWORD, consent_form},
};
use auth_server::users::set_up;
use shared::{
    binds,
    db::{Fault, Statement, Store, StoreError},
};

const ADA: &str = "ada@example.com";

async fn a_decision_is_written_whole_or_not_at_all(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for fault in FAULTS {
        let mut failed = 0;
        for n in 1..POINTS_MAX {
            let decision = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
            let before = server.grants().await;
            faults.arm(n, fault);
            let answer = browser.submit(&decision).await;
            let met = faults.disarm();
            let made = server.grants().await - before;
            let context = format!("{fault:?} at {n}: {answer:?}");
            if answer.status == 303 {
                assert!(answer.header("location").contains("code=") && made == 1, "{context}");
                assert!(!met || matches!(fault, Fault::Conflict), "{context}");
            } else {
                failed += 1;
                assert_eq!((answer.status.as_u16(), answer.header("location")), (503, ""), "{context}");
                assert!(!answer.header("retry-after").is_empty(), "{context}");
                let again = browser.submit(&decision).await;
                // An unknown COMMIT that did happen has consumed the request, and its code left nowhere.
                assert_eq!(again.status, if made == 1 { 409 } else { 303 }, "{context} {again:?}");
                assert!(made == 0 || matches!(fault, Fault::FailAfter), "{context}");
            }
            if !met {
                break;
            }
        }
        assert!(failed >= 1 && (failed >= 6 || matches!(fault, Fault::Conflict)), "{fault:?} met {failed} statements");
    }
}

async fn a_failed_sign_in_leaves_no_cookie(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    server.add_member(ADA).await;
    for fault in FAULTS {
        for n in 1..POINTS_MAX {
            let mut browser = Browser::new(&server);
            let page = browser.get("/sign-in").await;
            let filled = form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
            faults.arm(n, fault);
            let answer = browser.submit(&filled).await;
            let met = faults.disarm();
            let context = format!("{fault:?} at {n}: {answer:?}");
            if answer.status != 303 {
                assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (503, ""), "{context}");
                assert_eq!(browser.submit(&filled).await.status, 303, "{context}");
            }
            if !met {
                break;
            }
        }
    }
}

async fn a_sign_out_by_a_client_is_done_or_said_not_to_be(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let hint = id_token(&server, &mut browser, &client).await;
    let path = format!("/oauth2/end-session?id_token_hint={hint}");
    for fault in FAULTS {
        for n in 1..POINTS_MAX {
            let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
            faults.arm(n, fault);
            let answer = browser.get(&path).await;
            let met = faults.disarm();
            let context = format!("{fault:?} at {n}: {answer:?}");
            if answer.status != 303 {
                assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (503, ""), "{context}");
                assert_eq!(browser.get(&path).await.header("location"), "/signed-out", "{context}");
            }
            let page = browser.copy().get("/").await;
            assert!(!page.body.contains("id=\"sign-out-form\""), "still signed in: {context}");
            if !met {
                break;
            }
        }
    }
}

async fn a_set_up_that_fails_can_be_done_again(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    for fault in FAULTS {
        for n in 1..POINTS_MAX {
            let filled = set_up_form(&server).await;
            let mut browser = Browser::new(&server);
            faults.arm(n, fault);
            let answer = browser.submit(&filled).await;
            let met = faults.disarm();
            let context = format!("{fault:?} at {n}: {answer:?}");
            let made = accounts(&server).await;
            if answer.status == 303 {
                assert_eq!(made, 1, "{context}");
            } else {
                assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (503, ""), "{context}");
                let again = browser.submit(&filled).await;
                assert_eq!(again.status, if made == 1 { 410 } else { 303 }, "{context} {again:?}");
                assert!(made == 0 || matches!(fault, Fault::FailAfter), "{context}");
                assert_eq!(accounts(&server).await, 1, "{context}");
            }
            forget_everybody(&server).await;
            if !met {
                break;
            }
        }
    }
}

async fn set_up_form(server: &TestServer) -> Form {
    let app = &server.app;
    let link = set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("an answer").expect("open");
    let page = server.get(&format!("/set-up/{}", link.expose())).await;
    form(&page, "setup-form").with("email", ADA).with("password", PASSWORD)
}

async fn accounts(server: &TestServer) -> i64 {
    const COUNT: Statement = Statement::new(
        "test.accounts",
        "SELECT (SELECT count(*) FROM user_account WHERE email_key = 'ada@example.com') \
         * (SELECT count(*) FROM milestone) AS n",
    );
    server.number(&COUNT).await
}

/// Makes an installation new again.
async fn forget_everybody(server: &TestServer) {
    const ALL: [Statement; 3] = [
        Statement::new("test.forget_sessions", "DELETE FROM browser_session"),
        Statement::new("test.forget_accounts", "DELETE FROM user_account WHERE email_key = 'ada@example.com'"),
        Statement::new("test.forget_milestones", "DELETE FROM milestone"),
    ];
    let forgotten = server.app.store.write(|mut tx| async move {
        for statement in &ALL {
            tx.execute(statement, binds![]).await?;
        }
        Ok::<_, StoreError>(())
    });
    forgotten.await.expect("forgotten");
}

database::for_each_database!(
    a_decision_is_written_whole_or_not_at_all,
    a_failed_sign_in_leaves_no_cookie,
    a_sign_out_by_a_client_is_done_or_said_not_to_be,
    a_set_up_that_fails_can_be_done_again,
);
