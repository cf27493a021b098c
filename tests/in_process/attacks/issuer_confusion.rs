//! Several issuers at one resource server: nobody's keys, names or leniencies serve another, and no document leads it astray.

use crate::resource_server::{
    foreign_issuer::{self, Foreign, Instead},
    issuer::{self, public_key},
    server::{RESOURCE, Server},
    trusted_issuers::{beside, in_place},
};
use axum::{Router, http::StatusCode};
use serde_json::{Value, json};
use shared::{protocol::jwt::AssertionSigner, random::SystemRandom};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn signed(signer: &AssertionSigner, typ: &str, claims: &Value) -> String {
    signer.sign_claims(typ, claims).expect("a token")
}

fn kid(key: &Value) -> Value {
    key["kid"].clone()
}

/// A server that counts who comes, whatever for.
async fn bystander() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    let router = Router::new().fallback(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { "{}" }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (host, visits)
}

#[tokio::test]
async fn a_key_serves_its_own_issuer_alone_whatever_its_name() {
    let (one, two) = (foreign_issuer::start().await, foreign_issuer::start().await);
    let tables = format!("{}{}", one.trusted(""), two.trusted(""));
    let server = Server::start_with(&tables).await;
    // The second issuer publishes its own key under the names of the others' keys, too.
    let mut keys = vec![public_key(&two.signer)];
    for other in [&one.signer, &server.issuer.signer] {
        let mut alias = public_key(&two.signer);
        alias["kid"] = kid(&public_key(other));
        keys.push(alias);
    }
    *two.keys.lock().expect("unpoisoned") = keys;
    let (first, second) = (one.claims(RESOURCE, server.now()), two.claims(RESOURCE, server.now()));
    let ours = server.claims("mcp.read");
    for (signer, claims) in [(&one.signer, &first), (&two.signer, &second), (&server.issuer.signer, &ours)] {
        assert_eq!(server.list(&signed(signer, "at+jwt", claims)).await.status, StatusCode::OK, "{}", claims["iss"]);
    }
    for (signer, claims) in [
        (&one.signer, &second),
        (&two.signer, &first),
        (&server.issuer.signer, &first),
        (&server.issuer.signer, &second),
        (&one.signer, &ours),
        (&two.signer, &ours),
    ] {
        // No key that was published since the keys were fetched can have signed it.
        let mut claims = claims.clone();
        claims["iat"] = json!(server.now() - 60);
        let answer = server.list(&signed(signer, "at+jwt", &claims)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} signed by another", claims["iss"]);
    }
}

#[tokio::test]
async fn an_issuer_is_its_exact_name() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    let asked = (foreign.jwks.asked(), server.issuer.keys_asked.load(Ordering::SeqCst));
    for name in [
        format!("{}/", foreign.issuer),
        foreign.issuer.to_uppercase(),
        foreign.issuer.replace("127.0.0.1", "localhost"),
        foreign.issuer.replace("/realms", "//realms"),
        format!("{} ", foreign.issuer),
        format!("{}\u{0}", foreign.issuer),
        "https://evil.example".to_owned(),
        String::new(),
    ] {
        let mut claims = foreign.claims(RESOURCE, server.now());
        claims["iss"] = json!(name);
        let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
        for signer in [&foreign.signer, &stranger] {
            assert_eq!(
                server.list(&signed(signer, "at+jwt", &claims)).await.status,
                StatusCode::UNAUTHORIZED,
                "{name:?}"
            );
        }
    }
    for issuer in [json!([foreign.issuer]), json!(null), json!({"iss": foreign.issuer})] {
        let mut claims = foreign.claims(RESOURCE, server.now());
        claims["iss"] = issuer;
        assert_eq!(server.list(&foreign.sign(&claims)).await.status, StatusCode::UNAUTHORIZED, "{}", claims["iss"]);
    }
    assert_eq!(asked.0, foreign.jwks.asked(), "a token of nobody's makes nobody fetch anything");
    assert_eq!(asked.1, server.issuer.keys_asked.load(Ordering::SeqCst));
}

#[tokio::test]
async fn leniency_for_one_issuer_is_for_that_one_and_never_for_ours() {
    let (lenient, strict) = (foreign_issuer::start().await, foreign_issuer::start().await);
    let tables = format!("{}{}", lenient.trusted("accept_typ_jwt = true"), strict.trusted(""));
    let server = Server::start_with(&tables).await;
    let of = |foreign: &Foreign| signed(&foreign.signer, "JWT", &foreign.claims(RESOURCE, server.now()));
    assert_eq!(server.list(&of(&lenient)).await.status, StatusCode::OK);
    assert_eq!(server.list(&of(&strict)).await.status, StatusCode::UNAUTHORIZED);
    let ours = signed(&server.issuer.signer, "JWT", &server.claims("mcp.read"));
    assert_eq!(server.list(&ours).await.status, StatusCode::UNAUTHORIZED);
    // An array of audiences and a missing `jti` are theirs, too.
    for (claim, value) in [("aud", json!([RESOURCE])), ("jti", Value::Null)] {
        let mut claims = server.claims("mcp.read");
        claims[claim] = value;
        assert_eq!(server.list(&server.sign(&claims)).await.status, StatusCode::UNAUTHORIZED, "{claim}");
    }
    let mut other_kinds = Vec::new();
    for (claim, value) in
        [("at_hash", json!("x")), ("events", json!({})), ("typ", json!("ID")), ("cnf", json!({"jkt": "x"}))]
    {
        let mut claims = lenient.claims(RESOURCE, server.now());
        claims[claim] = value;
        other_kinds.push(signed(&lenient.signer, "JWT", &claims));
    }
    for typ in ["secevent+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt"] {
        other_kinds.push(signed(&lenient.signer, typ, &lenient.claims(RESOURCE, server.now())));
    }
    for token in other_kinds {
        assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_nothing_here() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    for audience in [
        json!("http://localhost:9500"),
        json!("http://localhost:9500/"),
        json!("http://localhost:9500/mcp/"),
        json!("http://localhost:9500/mcp2"),
        json!("http://127.0.0.1:9500/mcp"),
        json!(["http://localhost:9500/sibling", "account"]),
        json!({"aud": RESOURCE}),
        json!(null),
    ] {
        let mut claims = foreign.claims(RESOURCE, server.now());
        claims["aud"] = audience.clone();
        assert_eq!(server.list(&foreign.sign(&claims)).await.status, StatusCode::UNAUTHORIZED, "{audience}");
        let mut claims = server.claims("mcp.read");
        claims["aud"] = audience.clone();
        assert_eq!(server.list(&server.sign(&claims)).await.status, StatusCode::UNAUTHORIZED, "{audience}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_five_seconds_past_its_end_and_not_for_six() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    for (past, status) in [(4, StatusCode::OK), (5, StatusCode::UNAUTHORIZED)] {
        let (mut theirs, mut ours) = (foreign.claims(RESOURCE, server.now()), server.claims("mcp.read"));
        for claims in [&mut theirs, &mut ours] {
            (claims["iat"], claims["exp"]) = (json!(server.now() - 900), json!(server.now() - past));
        }
        assert_eq!(server.list(&foreign.sign(&theirs)).await.status, status, "theirs, {past} s");
        assert_eq!(server.list(&server.sign(&ours)).await.status, status, "ours, {past} s");
    }
}

/// What a foreign issuer may say in place of what it should.
fn nonsense(visit: &str) -> Vec<Instead> {
    vec![
        Instead::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Instead::Status(StatusCode::NO_CONTENT),
        Instead::Text(String::new()),
        Instead::Text("<html>sign in</html>".to_owned()),
        Instead::Text("[]".to_owned()),
        Instead::Text("{}".to_owned()),
        Instead::Text("[".repeat(100_000)),
        Instead::Text(format!("{{\"x\":\"{}\"}}", "x".repeat(2 * 1024 * 1024))),
        Instead::Redirect(format!("http://{visit}/elsewhere")),
    ]
}

#[tokio::test]
async fn an_issuer_that_talks_nonsense_is_503_for_its_own_callers_alone() {
    let (host, visits) = bystander().await;
    let foreign = foreign_issuer::start().await;
    let asking = "introspection = \"all\"\nclient_id = \"mcp\"\nclient_secret = \"a secret\"";
    let server = beside(&foreign, asking).await;
    let theirs = foreign.sign(&foreign.claims(RESOURCE, server.now()));
    let judged = |token: String| {
        let server = &server;
        async move {
            let answer = server.list(&token).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
            assert!(answer.header("retry-after").parse::<u64>().expect("seconds") >= 1);
            assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK, "ours");
            server.advance(2);
        }
    };
    for instead in nonsense(&host) {
        foreign.metadata.answer(instead);
        judged(theirs.clone()).await;
        judged("opaque".to_owned()).await;
    }
    for document in hostile_documents(&foreign, &host) {
        foreign.metadata.answer(Instead::Text(document.to_string()));
        judged(theirs.clone()).await;
    }
    foreign.metadata.answer(Instead::Nothing);
    let private =
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}, {"kty": "oct", "k": "AA"}]});
    let twice = {
        let key = public_key(&foreign.signer);
        json!({"keys": [key, key]})
    };
    let sets = [private, twice, json!({"keys": []}), json!({"keys": {}})].map(|set| Instead::Text(set.to_string()));
    for instead in nonsense(&host).into_iter().chain(sets) {
        foreign.jwks.answer(instead);
        judged(theirs.clone()).await;
    }
    foreign.jwks.answer(Instead::Nothing);
    for instead in nonsense(&host).into_iter().chain([Instead::Text("{\"active\":\"true\"}".to_owned())]) {
        foreign.introspection.answer(instead);
        judged(theirs.clone()).await;
        judged("opaque".to_owned()).await;
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0, "no redirect and no foreign host is followed");
    foreign.introspection.answer(Instead::Nothing);
    let claims = foreign.claims(RESOURCE, server.now());
    foreign.know(&theirs, &claims);
    assert_eq!(server.list(&theirs).await.status, StatusCode::OK, "it came to its senses");
}

/// Documents of the right form that lead elsewhere.
fn hostile_documents(foreign: &Foreign, host: &str) -> Vec<Value> {
    let with = |member: &str, value: Value| {
        let mut document = foreign.document();
        document[member] = value;
        document
    };
    vec![
        with("issuer", json!("https://evil.example")),
        with("issuer", json!(format!("{}/", foreign.issuer))),
        with("jwks_uri", json!(format!("http://{host}/certs"))),
        with("jwks_uri", json!("http://169.254.169.254/latest/meta-data")),
        with("jwks_uri", json!("http://[::1]:1/certs")),
        with("jwks_uri", json!("file:///etc/passwd")),
        with("introspection_endpoint", json!(null)),
        with("introspection_endpoint", json!(format!("http://{host}/introspect"))),
    ]
}

#[tokio::test]
async fn an_issuer_that_never_answers_holds_its_own_callers_for_a_while_and_nobody_else() {
    let foreign = foreign_issuer::start().await;
    foreign.jwks.answer(Instead::Silence);
    let server = beside(&foreign, "").await;
    let theirs = foreign.sign(&foreign.claims(RESOURCE, server.now()));
    let begun = tokio::time::Instant::now();
    let ours = async {
        for number in 0..10 {
            let answer = server.list(&server.token_of(&format!("user-{number}"), "client", "mcp.read")).await;
            assert_eq!(answer.status, StatusCode::OK);
        }
        begun.elapsed()
    };
    let (stuck, served) = tokio::join!(server.list(&theirs), ours);
    assert_eq!(stuck.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(begun.elapsed() < Duration::from_secs(9), "nobody waits for ever: {:?}", begun.elapsed());
    assert!(served < Duration::from_secs(4), "ours waited for theirs: {served:?}");
}

#[tokio::test]
async fn what_our_own_issuer_alone_may_say_is_not_believed_of_others() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], "").await;
    let mut claims = foreign.claims(RESOURCE, server.now());
    for (name, value) in [
        ("organization_id", json!("acme")),
        ("tenant_id", json!("t")),
        ("roles", json!(["administrator"])),
        ("grant_id", json!("g")),
    ] {
        claims[name] = value;
    }
    let who =
        server.call(&foreign.sign(&claims), "whoami", json!({})).await.json()["result"]["structuredContent"].clone();
    assert_eq!(
        (&who["organization_id"], &who["tenant_id"], &who["roles"]),
        (&json!(null), &json!(null), &json!(["member"]))
    );
    let hidden = server.call(&foreign.sign(&claims), "clear_events", json!({})).await;
    assert!(hidden.text().contains("Tool not found"), "{}", hidden.text());
    drop(issuer::start().await);
}
