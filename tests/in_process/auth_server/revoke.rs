//! `POST /oauth2/revoke` (RFC 7009).

use super::{
    Answer, TestServer,
    database::Database,
    given::{Given, SECRET, TOKEN, basic, confidential_client, public_client},
};
use auth_server::clients::{Client, GrantType};
use shared::{
    db::{Fault, Faults},
    protocol::opaque_token::{OpaqueToken, TokenKind},
    random::SystemRandom,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const REVOKE: &str = "/oauth2/revoke";

struct Tokens {
    access: String,
    refresh: String,
}

async fn server() -> TestServer {
    let server = TestServer::with_app().await;
    server.add_client(&public_client("stranger")).await;
    server.add_client(&confidential_client("web")).await;
    server
}

async fn tokens(server: &TestServer) -> Tokens {
    let answer = server.redeem(&server.give(&Given::USUAL).await).await;
    server.follow().await;
    Tokens { access: answer.text("access_token"), refresh: answer.text("refresh_token") }
}

async fn revoke(server: &TestServer, client: &str, token: &str) -> Answer {
    server.post_form(REVOKE, &[("client_id", client), ("token", token)]).await
}

fn assert_nothing_said(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_refresh_token_ends_its_grant_with_every_token_of_it() {
    let server = server().await;
    let (first, other) = (tokens(&server).await, tokens(&server).await);
    let second = server.refresh(&first.refresh).await;
    assert_nothing_said(&revoke(&server, "app", &second.text("refresh_token")).await);
    for access in [&first.access, &second.text("access_token")] {
        assert!(!server.accepts(access).await, "at once, whatever generation");
    }
    assert_eq!(server.refresh(&second.text("refresh_token")).await.refusal(), (400, "invalid_grant".to_owned()));
    assert!(server.accepts(&other.access).await, "another grant of the same user and client stands");
    assert_eq!(server.refresh(&other.refresh).await.status, 200);
    assert_eq!((server.revoked_grants().await, server.audited("grant_revoked_by_client").await), (1, 1));
}

#[tokio::test]
async fn a_token_that_was_used_or_superseded_names_its_grant_too() {
    let server = server().await;
    let used = tokens(&server).await;
    assert_eq!(server.refresh(&used.refresh).await.status, 200);
    assert_nothing_said(&revoke(&server, "app", &used.refresh).await);
    assert!(!server.accepts(&used.access).await, "used");
    let lost = tokens(&server).await;
    let superseded = server.refresh(&lost.refresh).await.text("refresh_token");
    server.clock.advance(300);
    let live = server.refresh(&lost.refresh).await;
    assert_ne!(live.text("refresh_token"), superseded);
    assert_nothing_said(&revoke(&server, "app", &superseded).await);
    assert!(!server.accepts(&live.text("access_token")).await, "superseded");
}

#[tokio::test]
async fn an_access_token_ends_alone() {
    let server = server().await;
    let first = tokens(&server).await;
    let second = server.refresh(&first.refresh).await;
    assert_nothing_said(&revoke(&server, "app", &first.access).await);
    assert!(!server.accepts(&first.access).await);
    assert!(server.accepts(&second.text("access_token")).await, "the next one of the same grant");
    assert_eq!(server.refresh(&second.text("refresh_token")).await.status, 200);
    assert_eq!((server.revoked_grants().await, server.audited("access_token_revoked").await), (0, 1));
    assert_nothing_said(&revoke(&server, "app", &first.access).await);
    assert_eq!(server.audited("access_token_revoked").await, 1, "once is enough");
}

#[tokio::test]
async fn a_machine_ends_its_own_token() {
    let server = server().await;
    let machine = Client { grant_types: vec![GrantType::ClientCredentials], ..confidential_client("machine") };
    server.add_client(&machine).await;
    let form = [("grant_type", "client_credentials")];
    let token = server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await.text("access_token");
    assert!(server.accepts(&token).await);
    let answer = server.post_form_as(REVOKE, &basic("machine", SECRET), &[("token", &token)]).await;
    assert_nothing_said(&answer);
    assert!(!server.accepts(&token).await);
}

#[tokio::test]
async fn what_is_unknown_ended_or_anothers_is_200_and_changes_nothing() {
    let server = server().await;
    let theirs = tokens(&server).await;
    let unknown = OpaqueToken::generate(TokenKind::RefreshToken, &SystemRandom);
    let mut answers = Vec::new();
    for token in [&theirs.refresh, &theirs.access, unknown.expose(), "x", "a.b.c", "ünïcode"] {
        answers.push(revoke(&server, "stranger", token).await);
        let hinted = [("client_id", "stranger"), ("token", token), ("token_type_hint", "of no known kind")];
        answers.push(server.post_form(REVOKE, &hinted).await);
        answers.push(server.post_form_as(REVOKE, &basic("web", SECRET), &[("token", token)]).await);
    }
    for answer in &answers {
        assert_nothing_said(answer);
    }
    assert!(server.accepts(&theirs.access).await);
    assert_eq!(server.refresh(&theirs.refresh).await.status, 200);
    assert_eq!(server.audited("revocation_by_another_client").await, 4, "two tokens, two clients, once an hour");
    server.clock.advance(901);
    assert_nothing_said(&revoke(&server, "app", &theirs.access).await);
    assert_eq!(server.audited("access_token_revoked").await, 0, "it had ended by itself");
}

#[tokio::test]
async fn a_hint_may_be_wrong() {
    let server = server().await;
    let tokens = tokens(&server).await;
    for (token, hint) in [(&tokens.access, "refresh_token"), (&tokens.refresh, "access_token")] {
        let form = [("client_id", "app"), ("token", token), ("token_type_hint", hint)];
        assert_nothing_said(&server.post_form(REVOKE, &form).await);
    }
    assert!(!server.accepts(&tokens.access).await);
    assert_eq!(server.revoked_grants().await, 1);
}

#[tokio::test]
async fn secrets_that_are_no_tokens_are_told_so_and_callers_must_be_known() {
    let server = server().await;
    for kind in [TokenKind::AuthorizationCode, TokenKind::ClientSecret, TokenKind::BrowserSession] {
        let other = OpaqueToken::generate(kind, &SystemRandom);
        let answer = revoke(&server, "app", other.expose()).await;
        assert_eq!(answer.refusal(), (400, "unsupported_token_type".to_owned()), "{kind:?}");
    }
    let mine = tokens(&server).await;
    let refused = [
        server.post_form(REVOKE, &[("token", &*mine.refresh)]).await,
        revoke(&server, "nobody", &mine.refresh).await,
        revoke(&server, "web", &mine.refresh).await,
        server.post_form_as(REVOKE, &basic("web", "wrong"), &[("token", &mine.refresh)]).await,
    ];
    for answer in refused {
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    }
    let missing = server.post_form(REVOKE, &[("client_id", "app")]).await;
    assert_eq!(missing.refusal(), (400, "invalid_request".to_owned()));
    let twice = server.post_form(REVOKE, &[("client_id", "app"), ("token", "a"), ("token", "b")]).await;
    assert_eq!(twice.refusal(), (400, "invalid_request".to_owned()));
    assert!(server.accepts(&mine.access).await);
}

/// Every statement of a revocation, failing in turn.
#[derive(Default)]
struct FailsAt(std::sync::Mutex<Option<&'static str>>, AtomicBool);

impl Faults for FailsAt {
    fn at(&self, name: &'static str) -> Option<Fault> {
        let failing = *self.0.lock().expect("a lock") == Some(name);
        if failing {
            self.1.store(true, Ordering::SeqCst);
        }
        failing.then_some(Fault::Unavailable)
    }
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_the_token_stands() {
    let faults = Arc::new(FailsAt::default());
    let database = Database::sqlite_memory().await;
    let server = TestServer::start_on(database.store().with_faults(faults.clone()), "").await.and_app().await;
    let tokens = tokens(&server).await;
    let of_refresh = ["refresh_token.find", "authorization_grant.revoke", "remembered_consent.forget_of_grant"];
    let of_both = ["change_position.advance", "change_log.insert", "audit_event.insert"];
    let both = of_both.into_iter().flat_map(|name| [(name, &tokens.refresh), (name, &tokens.access)]);
    for (name, token) in of_refresh.into_iter().map(|name| (name, &tokens.refresh)).chain(both) {
        *faults.0.lock().expect("a lock") = Some(name);
        let answer = revoke(&server, "app", token).await;
        assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()), "{name}");
        assert!(!answer.header("retry-after").is_empty());
        assert!(faults.1.swap(false, Ordering::SeqCst), "{name} is not asked any more");
        *faults.0.lock().expect("a lock") = None;
        assert!(server.accepts(&tokens.access).await, "{name}");
    }
    assert_nothing_said(&revoke(&server, "app", &tokens.refresh).await);
    assert!(!server.accepts(&tokens.access).await);
}
