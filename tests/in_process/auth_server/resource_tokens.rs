//! How a resource's access tokens are signed, and how long they live: said by its resource server, or by an administrator.

use super::{
    TestServer,
    database::for_each_database,
    given::{SECRET, TOKEN, basic, claims_of, confidential_client},
    test_server::{RESOURCE, START},
};
use auth_server::{
    audit::Actor,
    resources::set_resource_tokens::{SetTokensRefusal, TokenChoice, set_resource_tokens},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{
    db::Store,
    protocol::{
        jwt::{Audience, Expectation, verify_access_token},
        token_algorithm::TokenAlgorithm,
    },
    random::SystemRandom,
};

for_each_database!(an_administrator_outvotes_the_resource_server_until_it_says_otherwise);

fn document(more: &Value) -> Value {
    let mut document = json!({ "resource": RESOURCE, "name": "Tools", "scopes": [{ "name": "mcp.read" }] });
    for (member, value) in more.as_object().expect("an object") {
        document[member] = value.clone();
    }
    document
}

/// What a token says of its algorithm and lifetime; it verifies with the published keys.
async fn token(server: &TestServer) -> (String, i64, i64) {
    let form = [("grant_type", "client_credentials"), ("scope", "mcp.read")];
    let answer = server.post_form_as(TOKEN, &basic("web", SECRET), &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.text("access_token");
    let now = shared::clock::Clock::now(&*server.clock);
    let expected =
        Expectation { issuer: &server.app.issuer, audience: Audience::Exact(RESOURCE), now, leeway_seconds: 0 };
    verify_access_token(&token, &server.app.keys.verification_keys(), &expected).expect("a good token");
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let claims = claims_of(&token);
    let lives = claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat");
    let told = answer.json()["expires_in"].as_i64().expect("expires_in");
    (header["alg"].as_str().expect("an algorithm").to_owned(), lives, told)
}

async fn an_administrator_outvotes_the_resource_server_until_it_says_otherwise(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    server.add_client(&confidential_client("web")).await;
    assert_eq!(token(&server).await, ("ES256".to_owned(), 900, 900));
    let machine = server.machine_token().await;
    let put = |more: Value| {
        let (server, machine) = (&server, &machine);
        async move { server.call("PUT", "/api/resources", machine, &document(&more)).await }
    };
    assert_eq!(put(json!({"algorithm": "RS256", "access_token_ttl_seconds": 120})).await.status, 200);
    assert_eq!(token(&server).await, ("RS256".to_owned(), 120, 120), "as its resource server says");

    let set = |choice: TokenChoice| {
        let server = &server;
        async move {
            let set = set_resource_tokens(
                store,
                &SystemRandom,
                &Actor::CommandLine,
                "http://LOCALHOST:9500/mcp/",
                choice,
                START,
            );
            let resource = set.await.expect("set");
            server.follow().await;
            resource
        }
    };
    let ttl = Some(86_400);
    let resource = set(TokenChoice { access_token_ttl_seconds: ttl, ..TokenChoice::default() }).await;
    assert_eq!((resource.id.as_str(), resource.access_token_ttl_seconds), (RESOURCE, ttl));
    assert_eq!(token(&server).await, ("RS256".to_owned(), 86_400, 86_400), "the maximum; the algorithm is left alone");
    set(TokenChoice { algorithm: Some(TokenAlgorithm::Es256), ..TokenChoice::default() }).await;
    assert_eq!(put(json!({"algorithm": "RS256", "access_token_ttl_seconds": 300})).await.status, 200);
    assert_eq!(token(&server).await, ("ES256".to_owned(), 86_400, 86_400), "registering again changes nothing");
    set(TokenChoice { as_registered: true, ..TokenChoice::default() }).await;
    assert_eq!(token(&server).await, ("RS256".to_owned(), 300, 300));
    assert_eq!(server.audited("resource_tokens_set").await, 3);
}

#[tokio::test]
async fn lifetimes_beyond_the_bounds_and_other_algorithms_are_refused() {
    let server = TestServer::start().await;
    let machine = server.machine_token().await;
    for more in [
        json!({"access_token_ttl_seconds": 59}),
        json!({"access_token_ttl_seconds": 86_401}),
        json!({"algorithm": "HS256"}),
        json!({"algorithm": "none"}),
        json!({"algorithm": "PS256"}),
    ] {
        assert_eq!(server.call("PUT", "/api/resources", &machine, &document(&more)).await.status, 400, "{more}");
    }
    let set = |id: &'static str, ttl| {
        let choice = TokenChoice { access_token_ttl_seconds: Some(ttl), ..TokenChoice::default() };
        set_resource_tokens(&server.app.store, &SystemRandom, &Actor::CommandLine, id, choice, START)
    };
    for ttl in [-1, 0, 59, 86_401, i64::MAX] {
        assert!(matches!(set(RESOURCE, ttl).await, Err(SetTokensRefusal::Lifetime)), "{ttl}");
    }
    for id in ["http://localhost:9500/other", "no resource", ""] {
        assert!(matches!(set(id, 60).await, Err(SetTokensRefusal::Unknown(_))), "{id}");
    }
}
