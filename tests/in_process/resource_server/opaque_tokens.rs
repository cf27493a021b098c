//! Tokens that are no JWT, of the one issuer that is asked about them.

use super::{
    foreign_issuer::{self, Foreign, Instead},
    issuer,
    server::{RESOURCE, Server, list, post},
    trusted_issuers::{beside, in_place},
};
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use resource_server::{issuer::questions::QUESTIONS_AT_ONCE, trusted_issuers::token_introspection::UNREADABLE_MAX};
use serde_json::{Value, json};
use shared::{
    http::PeerAddress,
    protocol::jwt::{AssertionSigner, claimed_client_id},
    random::SystemRandom,
};

pub const ASKING: &str = "introspection = \"opaque\"\nclient_id = \"mcp server\"\nclient_secret = \"s:cret/+&\"";
const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";

fn claims(foreign: &Foreign, server: &Server) -> Value {
    foreign.claims(RESOURCE, server.now())
}

#[tokio::test]
async fn a_token_is_asked_about_once_and_remembered_for_a_minute() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    foreign.know(TOKEN, &claims(&foreign, &server));
    let who = server.call(TOKEN, "whoami", json!({})).await.json()["result"]["structuredContent"].clone();
    assert_eq!(
        (&who["subject"], &who["client_id"], &who["issuer"]),
        (&json!("ann"), &json!("client"), &json!(foreign.issuer))
    );
    for _ in 0..5 {
        assert_eq!(server.list(TOKEN).await.status, StatusCode::OK);
    }
    assert_eq!(foreign.introspection.asked(), 1);
    foreign.forget(TOKEN);
    server.advance(59);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::OK, "believed for a minute");
    server.advance(1);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::UNAUTHORIZED, "and no longer");
    assert_eq!(foreign.introspection.asked(), 2);
    foreign.know(TOKEN, &claims(&foreign, &server));
    server.advance(9);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::UNAUTHORIZED, "what it did not know is remembered shortly");
    assert_eq!(foreign.introspection.asked(), 2);
    server.advance(1);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_is_never_believed_past_the_end_of_the_token() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    let mut short = claims(&foreign, &server);
    short["exp"] = json!(server.now() + 20);
    foreign.know(TOKEN, &short);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::OK);
    server.advance(25);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::UNAUTHORIZED, "whatever the issuer says of it");
}

#[tokio::test]
async fn many_callers_wait_for_one_question() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    foreign.know(TOKEN, &claims(&foreign, &server));
    let answers = join_all((0..30).map(|_| server.list(TOKEN))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    assert_eq!(foreign.introspection.asked(), 1);
}

#[tokio::test]
async fn each_fault_of_an_answer_is_401() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    let now = server.now();
    for (number, (claim, value)) in [
        ("aud", json!("account")),
        ("aud", json!("http://localhost:9500/mcp/")),
        ("aud", Value::Null),
        ("iss", json!("https://evil.example")),
        ("sub", Value::Null),
        ("client_id", Value::Null),
        ("exp", json!(now - 5)),
        ("exp", Value::Null),
        ("nbf", json!(now + 3600)),
        ("cnf", json!({"jkt": "x"})),
        ("token_type", json!("DPoP")),
        ("typ", json!("Refresh")),
        ("token_use", json!("refresh_token")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = claims(&foreign, &server);
        (claims["iat"], claims[claim]) = (json!(now - 900), value.clone());
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(claim);
        }
        let token = format!("token-{number}");
        foreign.know(&token, &claims);
        let answer = server.list(&token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{claim} {value}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
        let asked = foreign.introspection.asked();
        assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(foreign.introspection.asked(), asked, "{claim}: it is remembered, too");
    }
}

#[tokio::test]
async fn this_server_proves_itself_as_the_issuer_takes_it() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    server.list(TOKEN).await;
    let (authorization, form) = foreign.questions.lock().expect("unpoisoned")[0].clone();
    // RFC 6749 §2.3.1: encoded as in a form first.
    assert_eq!(authorization, format!("Basic {}", STANDARD.encode("mcp+server:s%3Acret%2F%2B%26")));
    assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), (TOKEN, "access_token"));
    assert!(!form.contains_key("client_secret"));

    let foreign = foreign_issuer::start().await;
    let mut document = foreign.document();
    document["introspection_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    foreign.metadata.answer(Instead::Text(document.to_string()));
    let server = in_place(&[&foreign], ASKING).await;
    server.list(TOKEN).await;
    let (authorization, form) = foreign.questions.lock().expect("unpoisoned")[0].clone();
    assert_eq!(
        (authorization.as_str(), form["client_id"].as_str(), form["client_secret"].as_str()),
        ("", "mcp server", "s:cret/+&")
    );

    let foreign = foreign_issuer::start().await;
    let signer = AssertionSigner::generate(&SystemRandom).expect("a key");
    let pem = signer.to_pkcs8_pem().expect("PEM");
    let settings = format!("introspection = \"opaque\"\nclient_id = \"mcp\"\nprivate_key = '''{}'''", pem.expose());
    let server = in_place(&[&foreign], &settings).await;
    server.list(TOKEN).await;
    let (authorization, form) = foreign.questions.lock().expect("unpoisoned")[0].clone();
    assert_eq!((authorization.as_str(), claimed_client_id(&form["client_assertion"]).as_deref()), ("", Some("mcp")));
    let claims = crate::auth_server::given::claims_of(&form["client_assertion"]);
    assert_eq!(claims["aud"], json!(foreign.issuer), "one string, the issuer");
}

#[tokio::test]
async fn what_is_ours_or_looks_like_a_jwt_is_shown_to_nobody() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, ASKING).await;
    let ours = server.token("mcp.read");
    let changed = format!("{ours}x");
    for token in [ours.as_str(), &changed, "a.b.c", "..", "postern_rt_abcdef", "postern_cs_abcdef"] {
        server.list(token).await;
    }
    assert_eq!(foreign.introspection.asked(), 0);
    assert_eq!(server.list(&ours).await.status, StatusCode::OK);
    assert_eq!(server.list("a.b.c.d.e").await.status, StatusCode::UNAUTHORIZED, "encrypted ones are opaque");
    assert_eq!(foreign.introspection.asked(), 1);
}

#[tokio::test]
async fn where_jwts_are_doubted_a_revoked_one_ends_within_a_minute() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], &ASKING.replace("opaque", "jwts")).await;
    let claims = claims(&foreign, &server);
    let token = foreign.sign(&claims);
    foreign.know(&token, &claims);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    foreign.forget(&token);
    server.advance(60);
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
    let stranger =
        AssertionSigner::generate(&SystemRandom).expect("a key").sign_claims("at+jwt", &claims).expect("a token");
    foreign.know(&stranger, &claims);
    let asked = foreign.introspection.asked();
    assert_eq!(server.list(&stranger).await.status, StatusCode::UNAUTHORIZED, "the signature comes first");
    assert_eq!(server.list("opaque").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(foreign.introspection.asked(), asked, "nobody is asked about either");
    foreign.introspection.answer(Instead::Status(StatusCode::BAD_GATEWAY));
    let other = foreign.sign(&json!({"iss": foreign.issuer, "sub": "bob", "aud": RESOURCE, "client_id": "c", "exp": server.now() + 60, "iat": server.now()}));
    assert_eq!(server.list(&other).await.status, StatusCode::SERVICE_UNAVAILABLE, "it may be revoked");
}

/// Without its keys no JWT of it could ever be judged, and it is asked about JWTs.
#[tokio::test]
async fn metadata_without_what_the_rule_needs_is_not_used() {
    for (rule, needs_keys) in [("opaque", false), ("jwts", true), ("all", true)] {
        let foreign = foreign_issuer::start().await;
        let mut document = foreign.document();
        document.as_object_mut().expect("an object").remove("jwks_uri");
        foreign.metadata.answer(Instead::Text(document.to_string()));
        let table = foreign.trusted(&ASKING.replace("opaque", rule));
        let server =
            Server::start_unready(issuer::start().await, &format!("own_authorization_server = false\n{table}")).await;
        let claims = claims(&foreign, &server);
        foreign.know(TOKEN, &claims);
        let ready = server.get("/readyz").await.status;
        assert_eq!(ready == StatusCode::SERVICE_UNAVAILABLE, needs_keys, "{rule}: {ready}");
        assert_eq!(server.list(TOKEN).await.status == StatusCode::OK, !needs_keys, "{rule}");
        foreign.metadata.answer(Instead::Nothing);
        server.wait_until_ready().await;
        if needs_keys {
            let jwt = foreign.sign(&claims);
            foreign.know(&jwt, &claims);
            assert_eq!(server.list(&jwt).await.status, StatusCode::OK, "{rule}");
        }
    }
}

/// A list request with this token from this address.
pub fn from(token: &str, address: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = post(token, list().to_string());
    request.extensions_mut().insert(PeerAddress(address.parse().expect("an address")));
    request
}

#[tokio::test]
async fn a_block_that_guesses_is_asked_about_no_more_and_known_tokens_pass() {
    let foreign = foreign_issuer::start().await;
    let tables = foreign.trusted(ASKING);
    let server = Server::start_with(&format!("forged_tokens_per_minute = 5\n{tables}")).await;
    foreign.know(TOKEN, &claims(&foreign, &server));
    assert_eq!(server.send(from(TOKEN, "203.0.113.1:1")).await.status, StatusCode::OK);
    let mut refused = 0;
    for number in 0..50 {
        let answer = server.send(from(&format!("guess-{number}"), "203.0.113.9:1")).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.header("retry-after").parse::<u64>().expect("seconds") >= 1);
            refused += 1;
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!((refused, foreign.introspection.asked()), (45, 6));
    assert_eq!(server.send(from(TOKEN, "203.0.113.77:1")).await.status, StatusCode::OK, "remembered");
    assert_eq!(
        server.send(from(&server.token("mcp.read"), "203.0.113.77:1")).await.status,
        StatusCode::OK,
        "a JWT asks nobody"
    );
    foreign.know("fresh", &claims(&foreign, &server));
    assert_eq!(server.send(from("fresh", "198.51.100.7:1")).await.status, StatusCode::OK, "another block");
}

#[tokio::test]
async fn of_many_guesses_at_once_few_are_asked_about() {
    const BUDGET: usize = 5;
    let foreign = foreign_issuer::start().await;
    let tables = foreign.trusted(ASKING);
    let server = Server::start_with(&format!("forged_tokens_per_minute = {BUDGET}\n{tables}")).await;
    let guesses = (0..400).map(|number| server.send(from(&format!("guess-{number}"), "203.0.113.9:1")));
    let answers = join_all(guesses).await;
    let heard = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(heard(StatusCode::UNAUTHORIZED), BUDGET);
    assert_eq!(heard(StatusCode::TOO_MANY_REQUESTS), 400 - BUDGET);
    // Those on the way when the first answers came, and those who got their places before these were counted.
    let asked = foreign.introspection.asked();
    assert!(asked <= BUDGET + 2 * QUESTIONS_AT_ONCE, "{asked}");
    foreign.know("fresh", &claims(&foreign, &server));
    assert_eq!(server.send(from("fresh", "198.51.100.7:1")).await.status, StatusCode::OK, "another block");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_that_tokens_own_misfortune() {
    let foreign = foreign_issuer::start().await;
    let server = Server::start_with(&format!("forged_tokens_per_minute = 3\n{}", foreign.trusted(ASKING))).await;
    let long = format!("{{\"active\":true,\"groups\":\"{}\"}}", "g".repeat(2_000_000));
    for (number, text) in ["<html>", "[]", "{\"active\":\"yes\"}", "", &long[..70_000], &long].into_iter().enumerate() {
        foreign.introspection.answer(Instead::Text(text.to_owned()));
        let odd = format!("odd-{number}");
        let answer = server.send(from(&odd, "203.0.113.9:1")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "nothing is known of it: {number}");
        assert!(answer.header("retry-after").parse::<u64>().expect("seconds") >= 1);
        foreign.introspection.answer(Instead::Nothing);
        let asked = foreign.introspection.asked();
        assert_eq!(server.send(from(&odd, "203.0.113.9:1")).await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(foreign.introspection.asked(), asked, "nobody asks again at once");
        let good = format!("good-{number}");
        foreign.know(&good, &claims(&foreign, &server));
        let answer = server.send(from(&good, "203.0.113.77:1")).await;
        assert_eq!(answer.status, StatusCode::OK, "another token of the same block, in the same second: {number}");
    }
    server.advance(1);
    assert_eq!(server.send(from("odd-0", "198.51.100.7:1")).await.status, StatusCode::UNAUTHORIZED, "asked again");
}

#[tokio::test]
async fn an_issuer_that_says_nothing_readable_any_more_is_left_in_peace() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    foreign.introspection.answer(Instead::Text("<html>maintenance</html>".to_owned()));
    for number in 0..50 {
        let answer = server.send(from(&format!("token-{number}"), "203.0.113.9:1")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "never 401 or 429 for what cannot be known");
    }
    let asked = foreign.introspection.asked();
    assert!(asked <= UNREADABLE_MAX as usize + 1, "{asked}");
    server.advance(1);
    assert_eq!(server.list("another").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(foreign.introspection.asked(), asked + 1, "once a second from now on");
    foreign.introspection.answer(Instead::Nothing);
    foreign.know(TOKEN, &claims(&foreign, &server));
    server.advance(1);
    assert_eq!(server.list(TOKEN).await.status, StatusCode::OK);
}
