//! Client assertions elsewhere and again (RFC 7523 §3, §5): one is good at the server it names, for the client it names, once.

use super::nth_fault::{FAULTS, POINTS_MAX, server_with_faults};
use crate::auth_server::{
    Answer, TestServer,
    database::for_each_database,
    given::{Given, VERIFIER, confidential_client},
    test_server::START,
};
use auth_server::clients::{AuthMethod, Client};
use keys::SigningKey;
use serde_json::{Value, json};
use shared::db::{Fault, Store};
use shared::protocol::{jwk::JwkSet, jwt::CLIENT_ASSERTION_TYPE, token_algorithm::TokenAlgorithm};

const ISSUER: &str = "http://localhost:9400";
const TOKEN: &str = "/oauth2/token";
const INTROSPECT: &str = "/oauth2/introspect";

async fn add(server: &TestServer, id: &str) -> SigningKey {
    let key = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let jwks = Some(JwkSet::new(vec![key.public_jwk().clone()]).expect("a set"));
    let usual = confidential_client(id);
    server.add_client(&Client { auth_method: AuthMethod::PrivateKeyJwt, secret_hash: None, jwks, ..usual }).await;
    key
}

fn claims(client: &str, audience: Value, jti: &str, now: i64) -> Value {
    json!({ "iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 60, "jti": jti })
}

async fn present(server: &TestServer, path: &str, key: &SigningKey, claims: &Value) -> Answer {
    let assertion = key.sign("JWT", claims).expect("signed");
    present_text(server, path, &assertion, &[]).await
}

async fn present_text(server: &TestServer, path: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion)];
    match path {
        INTROSPECT => form.push(("token", "x")),
        _ => form.extend([("grant_type", "client_credentials"), ("scope", "mcp.read")]),
    }
    form.extend_from_slice(more);
    server.post_form(path, &form).await
}

fn invalid_client() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[tokio::test]
async fn an_assertion_for_somewhere_else_is_refused_and_not_used_up() {
    let server = TestServer::start().await;
    let key = add(&server, "signer").await;
    for (number, audience) in [
        json!("https://other.example"),
        json!("https://other.example/oauth2/token"),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/oauth2/token/")),
        json!(format!("{ISSUER}/oauth2/token?x")),
        json!("http://LOCALHOST:9400"),
        json!("http://127.0.0.1:9400"),
        json!("localhost:9400"),
        json!("http://localhost"),
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!([]),
        json!(""),
        json!("*"),
        json!(9400),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        let answer =
            present(&server, TOKEN, &key, &claims("signer", audience.clone(), &format!("{number}"), START)).await;
        assert_eq!(answer.refusal(), invalid_client(), "{audience}");
    }
    assert_eq!(server.used_assertions("signer").await, 0);
    assert_eq!(present(&server, TOKEN, &key, &claims("signer", json!(ISSUER), "0", START)).await.status, 200);
}

#[tokio::test]
async fn an_assertion_seen_at_one_endpoint_is_used_at_every_other() {
    let server = TestServer::start().await;
    let key = add(&server, "signer").await;
    for (number, (first, second)) in
        [(TOKEN, INTROSPECT), (INTROSPECT, TOKEN), (TOKEN, "/token"), ("/token", TOKEN), (INTROSPECT, INTROSPECT)]
            .into_iter()
            .enumerate()
    {
        let claims = claims("signer", json!(ISSUER), &format!("{number}"), START);
        let assertion = key.sign("JWT", &claims).expect("signed");
        assert_eq!(present_text(&server, first, &assertion, &[]).await.status, 200, "{first}");
        assert_eq!(present_text(&server, second, &assertion, &[]).await.refusal(), invalid_client(), "{second}");
        let signed_again = present(&server, second, &key, &claims).await;
        assert_eq!(signed_again.refusal(), invalid_client(), "its name is used, whatever the signature");
    }
}

#[tokio::test]
async fn an_assertion_is_remembered_for_as_long_as_it_is_good() {
    let server = TestServer::start().await;
    let key = add(&server, "signer").await;
    let claims = claims("signer", json!(ISSUER), "once", START);
    assert_eq!(present(&server, TOKEN, &key, &claims).await.status, 200);
    for _ in 0..8 {
        server.clock.advance(10);
        auth_server::jobs::sweep::sweep_once(&server.app.store, server.app.clock.now()).await.expect("swept");
        assert_eq!(present(&server, TOKEN, &key, &claims).await.refusal(), invalid_client());
    }
}

#[tokio::test]
async fn names_of_assertions_are_the_clients_own() {
    let server = TestServer::start().await;
    let (one, other) = (add(&server, "one").await, add(&server, "other").await);
    assert_eq!(present(&server, TOKEN, &one, &claims("one", json!(ISSUER), "same", START)).await.status, 200);
    let answer = present(&server, TOKEN, &other, &claims("other", json!(ISSUER), "same", START)).await;
    assert_eq!(answer.status, 200, "nobody uses up what belongs to another");
}

#[tokio::test]
async fn a_client_speaks_for_itself_alone() {
    let server = TestServer::start().await;
    let (one, other) = (add(&server, "one").await, add(&server, "other").await);
    let mut crossed = claims("one", json!(ISSUER), "a", START);
    assert_eq!(present(&server, TOKEN, &other, &crossed).await.refusal(), invalid_client(), "another one's key");
    crossed["iss"] = json!("other");
    for key in [&one, &other] {
        assert_eq!(present(&server, TOKEN, key, &crossed).await.refusal(), invalid_client(), "iss is not sub");
    }
    let good = one.sign("JWT", &claims("one", json!(ISSUER), "b", START)).expect("signed");
    let named = present_text(&server, TOKEN, &good, &[("client_id", "other")]).await;
    assert_eq!(named.refusal(), (400, "invalid_request".to_owned()), "one client a request");
    let with_secret = present_text(&server, TOKEN, &good, &[("client_secret", "x")]).await;
    assert_eq!(with_secret.refusal(), (400, "invalid_request".to_owned()), "one proof a request");
    assert_eq!(present_text(&server, TOKEN, &good, &[]).await.status, 200);
}

for_each_database!(
    racers_with_one_assertion_buy_one_token,
    one_assertion_redeems_one_of_two_codes_and_burns_no_other,
    one_request_that_is_sent_twice_at_once_buys_once_and_ends_nothing,
    an_assertion_is_used_up_with_what_it_buys_or_not_at_all,
);

const RACERS: usize = 12;

/// Posts the same form to the token endpoint so many times at once; the answers of those that bought something. All others are `invalid_client`.
async fn race(server: &TestServer, forms: &[Vec<(&str, &str)>]) -> Vec<(usize, Answer)> {
    let answers = forms.iter().map(|form| server.post_form(TOKEN, form));
    let answers = futures_util::future::join_all(answers).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().enumerate().partition(|(_, answer)| answer.status == 200);
    for (_, answer) in lost {
        assert_eq!(answer.refusal(), invalid_client());
    }
    won
}

fn proof(assertion: &str) -> [(&str, &str); 2] {
    [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion)]
}

fn assertion(key: &SigningKey, jti: &str) -> String {
    key.sign("JWT", &claims("signer", json!(ISSUER), jti, START)).expect("signed")
}

/// A server with the client `signer` and what a person allowed it.
async fn with_signer(store: &Store) -> (TestServer, SigningKey) {
    let server = TestServer::start_on(store.clone(), "").await.and_app().await;
    let key = add(&server, "signer").await;
    (server, key)
}

const SIGNERS: Given<'static> = Given { client: "signer", ..Given::USUAL };

fn redemption(code: &str) -> [(&str, &str); 3] {
    [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)]
}

async fn racers_with_one_assertion_buy_one_token(store: &Store) {
    let (server, key) = with_signer(store).await;
    let assertion = assertion(&key, "raced");
    let form = [&[("grant_type", "client_credentials"), ("scope", "mcp.read")], &proof(&assertion)[..]].concat();
    assert_eq!(race(&server, &vec![form; RACERS]).await.len(), 1);
    assert_eq!(server.used_assertions("signer").await, 1);
}

async fn one_assertion_redeems_one_of_two_codes_and_burns_no_other(store: &Store) {
    let (server, key) = with_signer(store).await;
    for round in 0..4 {
        let codes = [server.give(&SIGNERS).await, server.give(&SIGNERS).await];
        let raced = assertion(&key, &format!("raced {round}"));
        let forms = codes.each_ref().map(|code| [&redemption(code)[..], &proof(&raced)].concat());
        let won = race(&server, &forms).await;
        let [(winner, _)] = won.as_slice() else { panic!("{won:?}") };
        let fresh = assertion(&key, &format!("fresh {round}"));
        let other = [&redemption(&codes[1 - winner])[..], &proof(&fresh)].concat();
        assert_eq!(
            server.post_form(TOKEN, &other).await.status,
            200,
            "a code that nobody authenticated for is not spent"
        );
    }
}

/// A second presentation of a code ends its grant, and of a refresh token may do so: not when it comes without an authenticated client.
async fn one_request_that_is_sent_twice_at_once_buys_once_and_ends_nothing(store: &Store) {
    let (server, key) = with_signer(store).await;
    let (code, raced) = (server.give(&SIGNERS).await, assertion(&key, "code"));
    let form = [&redemption(&code)[..], &proof(&raced)].concat();
    let won = race(&server, &vec![form.clone(); RACERS]).await;
    let [(_, answer)] = won.as_slice() else { panic!("{won:?}") };
    assert_eq!(server.post_form(TOKEN, &form).await.refusal(), invalid_client(), "nor later");

    let (refresh_token, raced) = (answer.text("refresh_token"), assertion(&key, "refresh"));
    let form = [&[("grant_type", "refresh_token"), ("refresh_token", &*refresh_token)], &proof(&raced)[..]].concat();
    assert_eq!(race(&server, &vec![form; RACERS]).await.len(), 1);
    assert_eq!((server.revoked_grants().await, server.audited("code_replayed").await), (0, 0));
    assert_eq!(server.used_assertions("signer").await, 2);
}

async fn an_assertion_is_used_up_with_what_it_buys_or_not_at_all(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    let key = add(&server, "signer").await;
    let mut met = 0;
    for fault in FAULTS {
        for n in 1..POINTS_MAX {
            let (code, once) = (server.give(&SIGNERS).await, assertion(&key, &format!("{fault:?} {n}")));
            let form = [&redemption(&code)[..], &proof(&once)].concat();
            faults.arm(n, fault);
            let answer = server.post_form(TOKEN, &form).await;
            if !faults.disarm() {
                assert_eq!(answer.status, 200);
                break;
            }
            met += 1;
            let context = format!("{fault:?} at {n}: {answer:?}");
            if answer.status == 200 {
                assert!(matches!(fault, Fault::Conflict), "{context}");
                continue;
            }
            assert_eq!(answer.status, 503, "{context}");
            let again = server.post_form(TOKEN, &form).await;
            // An unknown COMMIT that did happen has used both up; before it, nothing has.
            let committed =
                again.status != 200 && again.refusal() == invalid_client() && matches!(fault, Fault::FailAfter);
            assert!(again.status == 200 || committed, "{context} {again:?}");
        }
    }
    assert!(met > 12, "{met} statements");
}
