//! Client authentication at the token endpoint (RFC 6749 §2.3, RFC 7523).

use super::{
    Answer, TestServer,
    given::{SECRET, TOKEN, basic, confidential_client, form_request, public_client},
    test_server::START,
};
use auth_server::clients::{AuthMethod, Client, ClientOrigin, GrantType};
use keys::{SigningKey, install_crypto_provider};
use serde_json::{Value, json};
use shared::{
    http::ClientAddress,
    protocol::{jwk::JwkSet, jwt::CLIENT_ASSERTION_TYPE, opaque_token::TokenHash, token_algorithm::TokenAlgorithm},
};

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const ISSUER: &str = "http://localhost:9400";

fn invalid_client() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

/// A grant that says `invalid_grant` to whoever is authenticated.
const GRANT: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];

fn is_authenticated(answer: &Answer) -> bool {
    answer.refusal() == (400, "invalid_grant".to_owned())
}

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.add_client(&public_client("public")).await;
    server.add_client(&confidential_client("web")).await;
    let post = Client { auth_method: AuthMethod::ClientSecretPost, ..confidential_client("post") };
    server.add_client(&post).await;
    server
}

async fn with_form(server: &TestServer, more: &[(&str, &str)]) -> Answer {
    server.post_form(TOKEN, &[&GRANT[..], more].concat()).await
}

async fn with_basic(server: &TestServer, authorization: &str, more: &[(&str, &str)]) -> Answer {
    server.post_form_as(TOKEN, authorization, &[&GRANT[..], more].concat()).await
}

#[tokio::test]
async fn each_method_is_accepted() {
    let server = server().await;
    assert!(is_authenticated(&with_form(&server, &[("client_id", "public")]).await));
    for id in ["web", "post"] {
        assert!(is_authenticated(&with_basic(&server, &basic(id, SECRET), &[]).await), "{id} basic");
        assert!(
            is_authenticated(&with_form(&server, &[("client_id", id), ("client_secret", SECRET)]).await),
            "{id} post"
        );
        assert!(
            is_authenticated(&with_basic(&server, &basic(id, SECRET), &[("client_id", id)]).await),
            "{id} both ids"
        );
    }
}

#[tokio::test]
async fn basic_is_read_raw_and_form_encoded() {
    let server = server().await;
    let odd = Client { secret_hash: Some(TokenHash::of("a+b%2F c/d")), ..confidential_client("odd") };
    server.add_client(&odd).await;
    for secret in ["a+b%2F c/d", "a%2Bb%252F+c%2Fd", "a%2bb%252F%20c/d"] {
        assert!(is_authenticated(&with_basic(&server, &basic("odd", secret), &[]).await), "{secret}");
    }
    let wrong = with_basic(&server, &basic("odd", "a b/ c/d"), &[]).await;
    assert_eq!(wrong.refusal(), invalid_client());
}

#[tokio::test]
async fn failures_all_look_the_same() {
    let server = server().await;
    let mut bodies = std::collections::HashSet::new();
    for authorization in [basic("web", "wrong"), basic("nobody", SECRET), basic("public", SECRET), "Basic %%".into()] {
        let answer = with_basic(&server, &authorization, &[]).await;
        assert_eq!(answer.refusal(), invalid_client(), "{authorization}");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
        bodies.insert(answer.body);
    }
    for form in [
        vec![("client_id", "nobody")],
        vec![("client_id", "web")],
        vec![("client_id", "web"), ("client_secret", "wrong")],
        vec![("client_id", "nobody"), ("client_secret", "wrong")],
        vec![("client_id", "public"), ("client_secret", SECRET)],
        vec![],
    ] {
        let answer = with_form(&server, &form).await;
        assert_eq!(answer.refusal(), invalid_client(), "{form:?}");
        assert_eq!(answer.header("www-authenticate"), "", "no browser dialogue");
        bodies.insert(answer.body);
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn one_method_and_one_client_at_a_time() {
    let server = server().await;
    let ambiguous = (400, "invalid_request".to_owned());
    let secret_twice = with_basic(&server, &basic("web", SECRET), &[("client_secret", SECRET)]).await;
    let two_ids = with_basic(&server, &basic("web", SECRET), &[("client_id", "post")]).await;
    let assertion = [("client_id", "web"), ("client_secret", SECRET), ("client_assertion", "x")];
    assert_eq!(secret_twice.refusal(), ambiguous);
    assert_eq!(two_ids.refusal(), ambiguous);
    assert_eq!(with_form(&server, &assertion).await.refusal(), ambiguous);
    let mut two_headers = form_request(TOKEN, &GRANT);
    for _ in 0..2 {
        two_headers.headers_mut().append("authorization", basic("web", SECRET).parse().expect("a header"));
    }
    assert_eq!(server.send(two_headers).await.refusal(), ambiguous);
}

#[tokio::test]
async fn a_removed_client_is_unknown() {
    let server = server().await;
    assert!(is_authenticated(&with_basic(&server, &basic("web", SECRET), &[]).await));
    let work = |mut tx| async move {
        auth_server::store::client::remove(&mut tx, "web", START).await?;
        auth_server::change_log::append(&mut tx, auth_server::change_log::Change::ClientRevoked("web"), START).await
    };
    server.app.store.write::<_, shared::db::StoreError, _, _>(work).await.expect("removed");
    server.follow().await;
    assert_eq!(with_basic(&server, &basic("web", SECRET), &[]).await.refusal(), invalid_client());
}

#[tokio::test]
async fn a_failed_look_up_is_503_and_never_invalid_client() {
    #[derive(Default)]
    struct Down(AtomicBool);
    impl shared::db::Faults for Down {
        fn at(&self, name: &'static str) -> Option<shared::db::Fault> {
            (self.0.load(Ordering::SeqCst) && name == "client.find").then_some(shared::db::Fault::Unavailable)
        }
    }
    let down = Arc::new(Down::default());
    let database = super::database::Database::sqlite_memory().await;
    let server = TestServer::start_on(database.store().with_faults(down.clone()), "").await;
    server.add_client(&confidential_client("web")).await;
    down.0.store(true, Ordering::SeqCst);
    for authorization in [basic("web", SECRET), basic("web", "wrong"), basic("nobody", SECRET)] {
        let answer = with_basic(&server, &authorization, &[]).await;
        assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn a_spent_failure_budget_slows_failures_and_never_the_right_secret() {
    let server = server().await;
    let ask = |address: &'static str, secret: &'static str| {
        let mut request = form_request(TOKEN, &GRANT);
        request.headers_mut().insert("authorization", basic("web", secret).parse().expect("a header"));
        request.extensions_mut().insert(ClientAddress::new(address.parse().expect("an address")));
        server.send(request)
    };
    for _ in 0..30 {
        assert_eq!(ask("192.0.2.1", "wrong").await.refusal(), invalid_client());
    }
    let refused = ask("192.0.2.200", "wrong").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"));
    assert!(is_authenticated(&ask("192.0.2.1", SECRET).await), "failures of others shut nobody out");
    assert_eq!(ask("198.51.100.1", "wrong").await.refusal(), invalid_client());
    server.clock.advance(60);
    assert_eq!(ask("192.0.2.1", "wrong").await.refusal(), invalid_client());
}

/// A client with a key, and what signs for it.
async fn with_key() -> (TestServer, SigningKey) {
    with_key_of(ClientOrigin::Administered).await
}

async fn with_key_of(origin: ClientOrigin) -> (TestServer, SigningKey) {
    install_crypto_provider();
    let server = TestServer::start().await;
    let key = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let jwks = JwkSet::new(vec![key.public_jwk().clone()]).expect("a set");
    let method = AuthMethod::PrivateKeyJwt;
    let grant_types = match origin {
        ClientOrigin::Dynamic => GrantType::SELF_REGISTERED.to_vec(),
        _ => GrantType::ALL.to_vec(),
    };
    let usual = confidential_client("signer");
    let client = Client { origin, grant_types, auth_method: method, secret_hash: None, jwks: Some(jwks), ..usual };
    server.add_client(&client).await;
    (server, key)
}

fn assertion(audience: &Value, jti: &str) -> Value {
    json!({ "iss": "signer", "sub": "signer", "aud": audience, "iat": START, "exp": START + 60, "jti": jti })
}

async fn present(server: &TestServer, path: &str, assertion: &str) -> Answer {
    let more = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion)];
    server.post_form(path, &[&GRANT[..], &more].concat()).await
}

#[tokio::test]
async fn an_assertion_is_good_once_for_the_issuer_the_endpoint_or_its_alias() {
    let (server, key) = with_key().await;
    for (index, audience) in
        [ISSUER.to_owned(), format!("{ISSUER}/oauth2/token"), format!("{ISSUER}/token")].iter().enumerate()
    {
        for path in [TOKEN, "/token"] {
            let token = key.sign("JWT", &assertion(&json!(audience), &format!("{index}{path}"))).expect("signed");
            assert!(is_authenticated(&present(&server, path, &token).await), "{audience} {path}");
            assert_eq!(present(&server, path, &token).await.refusal(), invalid_client(), "a second time");
        }
    }
}

#[tokio::test]
async fn a_wrong_assertion_is_refused() {
    let (server, key) = with_key().await;
    let stranger = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let right = || assertion(&json!(ISSUER), "j");
    let changed = |name: &str, value: Value| {
        let mut claims = right();
        claims[name] = value;
        claims
    };
    for claims in [
        changed("aud", json!([ISSUER])),
        changed("aud", json!("https://other.example")),
        changed("aud", json!(format!("{ISSUER}/"))),
        changed("iss", json!("web")),
        changed("exp", json!(START - 60)),
        changed("exp", json!(START + 86_400)),
        changed("jti", json!("")),
    ] {
        let token = key.sign("JWT", &claims).expect("signed");
        assert_eq!(present(&server, TOKEN, &token).await.refusal(), invalid_client(), "{claims}");
    }
    let foreign = stranger.sign("JWT", &right()).expect("signed");
    assert_eq!(present(&server, TOKEN, &foreign).await.refusal(), invalid_client());
    let access_token = key.sign("at+jwt", &right()).expect("signed");
    assert_eq!(present(&server, TOKEN, &access_token).await.refusal(), invalid_client());
    let secret = with_form(&server, &[("client_id", "signer"), ("client_secret", SECRET)]).await;
    assert_eq!(secret.refusal(), invalid_client(), "the registered method is enforced");
    let good = key.sign("JWT", &right()).expect("signed");
    let more = [("client_id", "web"), ("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", &good)];
    assert_eq!(with_form(&server, &more).await.refusal(), (400, "invalid_request".to_owned()));
    assert!(is_authenticated(&present(&server, TOKEN, &good).await), "no refusal used it up");
}

#[tokio::test]
async fn refused_assertions_leave_a_bounded_number_of_rows() {
    let (server, key) = with_key_of(ClientOrigin::Dynamic).await;
    let sign = |jti: &str| key.sign("JWT", &assertion(&json!(ISSUER), jti)).expect("signed");
    let ask = |token: String, grant: &'static [(&'static str, &'static str)]| {
        let server = &server;
        async move {
            let proof = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", token.as_str())];
            server.post_form(TOKEN, &[grant, &proof].concat()).await
        }
    };
    let refused: [(&[(&str, &str)], &str); 3] = [
        (&[("grant_type", "client_credentials")], "unauthorized_client"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[], "invalid_request"),
    ];
    for (number, (grant, code)) in refused.iter().cycle().take(300).enumerate() {
        let answer = ask(sign(&format!("refused {number}")), grant).await;
        assert_eq!(answer.refusal(), (400, (*code).to_owned()));
    }
    assert_eq!(server.used_assertions("signer").await, 0, "nothing was bought");
    let mut limited = 0;
    for number in 0..700 {
        let answer = ask(sign(&format!("worthless {number}")), &GRANT).await;
        limited += u32::from(answer.status == 429);
        assert!(is_authenticated(&answer) || !answer.header("retry-after").is_empty(), "{answer:?}");
    }
    assert_eq!((limited, server.used_assertions("signer").await), (100, 600));
    server.clock.advance(60);
    let mut fresh = assertion(&json!(ISSUER), "later");
    (fresh["iat"], fresh["exp"]) = (json!(START + 60), json!(START + 120));
    assert!(is_authenticated(&ask(key.sign("JWT", &fresh).expect("signed"), &GRANT).await), "the next minute");
}
