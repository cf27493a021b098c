//! Floods of tokens that are nobody's, and issuers that are gone, with what that does to everybody else.

use crate::resource_server::{
    foreign_issuer::{self, Instead},
    issuer::{Introspection, public_key},
    opaque_tokens::from,
    server::{IN_TIME, RESOURCE, Server},
    trusted_issuers::{beside, in_place},
};
use axum::http::StatusCode;
use futures_util::future::join_all;
use resource_server::{issuer::questions::QUESTIONS_AT_ONCE, pipeline::UNTRIED_AFTER};
use serde_json::{Value, json};
use shared::{
    protocol::{jwt::AssertionSigner, security_event::RevocationKind},
    random::SystemRandom,
};
use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use system_tests::poll::until;
use tokio::sync::Notify;

/// Tokens of `claims`, each naming another key that nobody ever published.
fn forged(claims: &Value, count: usize) -> Vec<String> {
    let forge = |number| {
        let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
        let mut claims = claims.clone();
        claims["jti"] = json!(format!("forged-{number}"));
        stranger.sign_claims("at+jwt", &claims).expect("a token")
    };
    (0..count).map(forge).collect()
}

/// How long each of these good tokens, none of them seen before, took to be served.
async fn latencies(server: &Server, tokens: &[String]) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for token in tokens {
        let begun = Instant::now();
        assert_eq!(server.list(token).await.status, StatusCode::OK, "an honest caller is served");
        latencies.push(begun.elapsed());
    }
    latencies.sort();
    latencies
}

fn good(server: &Server, name: &str) -> Vec<String> {
    (0..40).map(|number| server.token_of(&format!("{name}-{number}"), "client", "mcp.read")).collect()
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_a_fetch_in_ten_seconds_and_good_callers_nothing() {
    let server = Server::start().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    let quiet = latencies(&server, &good(&server, "before")).await;
    let asked = || server.issuer.keys_asked.load(Ordering::SeqCst);
    let (before, mut rounds) = (asked(), 0);
    let tokens = forged(&server.claims("mcp.read"), 300);
    let during = good(&server, "during");
    let flood = async {
        for chunk in tokens.chunks(100) {
            server.advance(10);
            rounds += 1;
            for answer in join_all(chunk.iter().map(|token| server.list(token))).await {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
            }
        }
    };
    let ((), loud) = tokio::join!(flood, latencies(&server, &during));
    assert_eq!(asked() - before, rounds, "one fetch in each cool-down");
    // Both run on one thread here, so a good caller stands in line behind what is verified at the moment, and behind no fetch.
    let (usual, worst) = (quiet[quiet.len() / 2], loud[loud.len() - 1]);
    assert!(worst < Duration::from_secs(3), "the worst of them took {worst:?}, where {usual:?} is usual");
}

#[tokio::test]
async fn a_flood_of_unknown_keys_at_an_issuer_that_hangs_keeps_nobody_else_waiting() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    let known = foreign.sign(&foreign.claims(RESOURCE, server.now()));
    assert_eq!(server.list(&known).await.status, StatusCode::OK);
    foreign.jwks.answer(Instead::Silence);
    server.advance(61);
    let (ours, tokens) = (good(&server, "ours"), forged(&foreign.claims(RESOURCE, server.now()), 50));
    let theirs: Vec<String> = (0..40)
        .map(|number| {
            let mut claims = foreign.claims(RESOURCE, server.now());
            claims["jti"] = json!(format!("good-{number}"));
            foreign.sign(&claims)
        })
        .collect();
    let begun = Instant::now();
    let flood = join_all(tokens.iter().map(|token| server.list(token)));
    let honest = async {
        latencies(&server, &ours).await;
        latencies(&server, &theirs).await;
        begun.elapsed()
    };
    let (refused, served) = tokio::join!(flood, honest);
    assert!(refused.iter().all(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE), "they may be good");
    assert!(served < Duration::from_secs(4), "good callers of both issuers waited: {served:?}");
    assert!(foreign.jwks.asked() <= 3, "one fetch at a time");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_for_an_hour_cost_nobody_a_token_and_never_a_401() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], "").await;
    let token = |server: &Server| foreign.sign(&foreign.claims(RESOURCE, server.now()));
    for place in [&foreign.jwks, &foreign.metadata] {
        place.answer(Instead::Status(StatusCode::BAD_GATEWAY));
    }
    for minute in 0..=60 {
        assert_eq!(server.list(&token(&server)).await.status, StatusCode::OK, "after {minute} minutes");
        let unknown = server.list(&forged(&foreign.claims(RESOURCE, server.now()), 1)[0]).await.status;
        assert_eq!(unknown, StatusCode::SERVICE_UNAVAILABLE, "what cannot be known is no 401, after {minute} minutes");
        server.advance(60);
    }
    server.advance(6 * 3600);
    let answer = server.list(&token(&server)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "too old to trust");
    assert!(answer.header("retry-after").parse::<u64>().expect("seconds") >= 1);
    assert_eq!(server.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    for place in [&foreign.jwks, &foreign.metadata] {
        place.answer(Instead::Nothing);
    }
    server.wait_until_ready().await;
    assert_eq!(server.list(&token(&server)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_flood_of_opaque_tokens_neither_hammers_the_issuer_nor_locks_out_who_is_known() {
    /// The default of `forged_tokens_per_minute`.
    const BUDGET: usize = 60;
    let foreign = foreign_issuer::start().await;
    let asking = "introspection = \"opaque\"\nclient_id = \"mcp\"\nclient_secret = \"a secret\"";
    let server = in_place(&[&foreign], asking).await;
    foreign.know("good", &foreign.claims(RESOURCE, server.now()));
    assert_eq!(server.send(from("good", "203.0.113.1:1")).await.status, StatusCode::OK);
    let asked = foreign.introspection.asked();
    let guesses: Vec<String> = (0..500).map(|number| format!("guess-{number}")).collect();
    let answers = join_all(guesses.iter().map(|guess| server.send(from(guess, "203.0.113.9:1")))).await;
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status.as_u16())));
    let burst = foreign.introspection.asked() - asked;
    // Those on the way when the first answers came, and those who got their places before these were counted.
    assert!(burst <= BUDGET + 2 * QUESTIONS_AT_ONCE, "{burst} questions");
    let asked = foreign.introspection.asked();
    for guess in &guesses[..100] {
        let answer = server.send(from(&format!("{guess}-again"), "203.0.113.10:1")).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(foreign.introspection.asked(), asked, "a block that used up its budget makes nobody ask");
    assert_eq!(server.send(from("good", "203.0.113.9:1")).await.status, StatusCode::OK, "known, from the same block");
    for _ in 0..50 {
        server.send(from("one and the same", "198.51.100.1:1")).await;
        server.send(from("one-and-the-same", "198.51.100.1:1")).await;
    }
    assert_eq!(foreign.introspection.asked(), asked + 1, "what is not known is remembered");
}

#[tokio::test]
async fn whoever_hangs_up_on_a_guess_has_guessed() {
    const BUDGET: usize = 5;
    let foreign = foreign_issuer::start().await;
    let asking = "introspection = \"opaque\"\nclient_id = \"mcp\"\nclient_secret = \"a secret\"";
    let server = Server::start_with(&format!("forged_tokens_per_minute = {BUDGET}\n{}", foreign.trusted(asking))).await;
    let gate = Arc::new(Notify::new());
    foreign.introspection.answer(Instead::Late(gate.clone()));
    let series = format!("postern_introspections_total{{issuer=\"{}\",outcome=\"answered\"}}", foreign.issuer);
    let reached = |count: usize, asked: usize| (asked >= count).then_some(());
    for number in 1..=20 {
        let guess = format!("guess-{number}");
        let asked = until("it is asked about", IN_TIME, || async { reached(number, foreign.introspection.asked()) });
        tokio::select! {
            biased;
            answer = server.send(from(&guess, "203.0.113.9:1")) => {
                assert_eq!((answer.status, number), (StatusCode::TOO_MANY_REQUESTS, BUDGET + 1));
                return;
            }
            asked = asked => asked.expect("asked"),
        }
        gate.notify_one();
        let answered = || crate::metrics_documented::value_of(&server.metrics(), &series).unwrap_or_default() as usize;
        until("it is answered", IN_TIME, || async { reached(number, answered()) }).await.expect("answered");
    }
    panic!("it guesses on and on");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_not_asked_over_and_over() {
    let foreign = foreign_issuer::start().await;
    let asking = "introspection = \"opaque\"\nclient_id = \"mcp\"\nclient_secret = \"a secret\"";
    let server = in_place(&[&foreign], asking).await;
    foreign.introspection.answer(Instead::Status(StatusCode::BAD_GATEWAY));
    for number in 0..50 {
        let answer = server.list(&format!("token-{number}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "never 401 for what cannot be known");
    }
    assert_eq!(foreign.introspection.asked(), 1, "once a second");
    foreign.introspection.answer(Instead::Nothing);
    server.advance(1);
    assert_eq!(server.list("token-1").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_the_issuer_will_not_look_at_silences_nobody_else() {
    let foreign = foreign_issuer::start().await;
    let asking = "introspection = \"opaque\"\nclient_id = \"mcp\"\nclient_secret = \"a secret\"";
    let tables = foreign.trusted(asking);
    let server = Server::start_with(&format!("forged_tokens_per_minute = 5\n{tables}")).await;
    foreign.know("good", &foreign.claims(RESOURCE, server.now()));
    foreign.introspection.answer(Instead::Status(StatusCode::BAD_REQUEST));
    let odd = server.send(from("odd", "203.0.113.9:1")).await;
    assert_eq!(odd.status, StatusCode::SERVICE_UNAVAILABLE, "nothing is known of it");
    foreign.introspection.answer(Instead::Nothing);
    let good = server.send(from("good", "198.51.100.7:1")).await;
    assert_eq!(good.status, StatusCode::OK, "what is said of one token is not said of the issuer");
    foreign.introspection.answer(Instead::Status(StatusCode::BAD_REQUEST));
    let asked = foreign.introspection.asked();
    let mut refused = 0;
    for number in 0..50 {
        let answer = server.send(from(&format!("odd-{number}"), "203.0.113.9:1")).await;
        refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 44 && foreign.introspection.asked() - asked <= 6, "it counts as a guess: {refused}");
    foreign.introspection.answer(Instead::Status(StatusCode::UNAUTHORIZED));
    server.send(from("one", "198.51.100.7:1")).await;
    let asked = foreign.introspection.asked();
    server.send(from("another", "198.51.100.7:1")).await;
    assert_eq!(foreign.introspection.asked(), asked, "a server that it does not know asks no more within the second");
}

/// How many signatures were looked at and found so.
fn signatures(server: &Server, outcome: &str) -> usize {
    let series = format!("postern_signature_checks_total{{outcome=\"{outcome}\"}}");
    crate::metrics_documented::value_of(&server.metrics(), &series).expect("it is told") as usize
}

/// Tokens that are right to the last byte but the signature, of somebody called `subject`.
fn lookalikes(server: &Server, subject: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    let right = server.token_of(subject, "client", "mcp.read");
    let (content, _signature) = right.rsplit_once('.').expect("three parts");
    numbers.map(|number| format!("{content}.{number:A<86}")).collect()
}

#[tokio::test]
async fn a_block_buys_so_many_looks_at_wrong_signatures_and_its_neighbours_hear_neither_401_nor_429() {
    const SECONDS: usize = 10;
    const EACH_SECOND: usize = 500;
    let server = Server::start_with("requests_per_minute = 100000").await;
    let counted = |outcome: &str| signatures(&server, outcome);
    let neighbour = |token: &str| server.send(from(token, "203.0.113.77:1"));
    let ann = |jti: &str| {
        let mut claims = server.claims("mcp.read");
        (claims["sub"], claims["jti"]) = (json!("ann"), json!(jti));
        server.sign(&claims)
    };
    let remembered = server.token_of("bob", "client", "mcp.read");
    assert_eq!(neighbour(&remembered).await.status, StatusCode::OK);
    assert_eq!(neighbour(&ann("before")).await.status, StatusCode::OK);
    let good = counted("good");
    for second in 0..SECONDS {
        let flood = lookalikes(&server, "mallory", second * EACH_SECOND..(second + 1) * EACH_SECOND);
        for answer in join_all(flood.iter().map(|token| server.send(from(token, "203.0.113.9:1")))).await {
            assert!([401, 429, 503].contains(&answer.status.as_u16()), "{}", answer.text());
        }
        assert_eq!(neighbour(&remembered).await.status, StatusCode::OK, "remembered tokens pass always");
        let fresh = neighbour(&ann(&format!("during-{second}"))).await;
        assert_eq!(fresh.status, StatusCode::OK, "and fresh ones of whoever was here before: {}", fresh.text());
        let newcomer = neighbour(&server.token_of(&format!("new-{second}"), "client", "mcp.read")).await;
        assert_eq!(newcomer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", newcomer.text());
        assert_eq!(newcomer.header("retry-after"), "1");
        server.advance(1);
        let newcomer = neighbour(&server.token_of(&format!("new-{second}"), "client", "mcp.read")).await;
        assert_eq!(newcomer.status, StatusCode::OK, "within what each second brings: {}", newcomer.text());
        let other =
            server.send(from(&server.token_of(&format!("other-{second}"), "client", "mcp.read"), "198.51.100.7:1"));
        assert_eq!(other.await.status, StatusCode::OK, "another block knows nothing of it");
    }
    let wrong = counted("wrong");
    assert!(wrong <= 60 + 20 * SECONDS, "{wrong} of {} were looked at", SECONDS * EACH_SECOND);
    assert!(counted("not_tried") >= SECONDS * (EACH_SECOND - 60) - 200, "the others were not");
    assert_eq!(counted("good") - good, 3 * SECONDS, "what is good is counted as that");
}

#[tokio::test]
async fn a_name_that_is_known_here_buys_little_more() {
    let server = Server::start_with("requests_per_minute = 100000").await;
    assert_eq!(
        server.send(from(&server.token_of("ann", "client", "mcp.read"), "198.51.100.7:1")).await.status,
        StatusCode::OK
    );
    let flood = lookalikes(&server, "ann", 0..500);
    for token in &flood {
        server.send(from(token, "203.0.113.9:1")).await;
    }
    assert_eq!(signatures(&server, "wrong"), 65);
    let own = server.send(from(&server.token_of("ann", "another client", "mcp.read"), "192.0.2.1:1")).await;
    assert_eq!(own.status, StatusCode::OK, "from elsewhere she is heard as ever");
}

#[tokio::test]
async fn who_is_known_here_is_not_learned_from_wrong_signatures() {
    let server = Server::start_with("requests_per_minute = 100000").await;
    let ann = server.token_of("ann", "client", "mcp.read");
    assert_eq!(server.send(from(&ann, "198.51.100.7:1")).await.status, StatusCode::OK);
    for token in lookalikes(&server, "mallory", 0..100) {
        server.send(from(&token, "203.0.113.9:1")).await;
    }
    let looked_at = || signatures(&server, "wrong");
    let before = looked_at();
    let tokens_of = |subject: &str| {
        let mut tokens = lookalikes(&server, subject, 200..210);
        let (content, _number) = tokens[0].rsplit_once('.').expect("three parts");
        tokens.extend([format!("{content}."), format!("{content}.A")]);
        tokens
    };
    for (known, unknown) in tokens_of("ann").iter().zip(&tokens_of("nobody")) {
        let begun = Instant::now();
        let known = server.send(from(known, "203.0.113.9:1")).await;
        let between = Instant::now();
        let unknown = server.send(from(unknown, "203.0.113.9:1")).await;
        assert!(between - begun >= UNTRIED_AFTER && between.elapsed() >= UNTRIED_AFTER, "time tells nothing");
        assert_eq!(known.status, StatusCode::SERVICE_UNAVAILABLE, "{}", known.text());
        assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
        assert_eq!(known.header("retry-after"), unknown.header("retry-after"));
    }
    assert_ne!(looked_at(), before, "some were looked at");
}

/// A server whose authorization server tells nobody any more what was revoked.
async fn in_silence(settings: &str) -> Server {
    let server = Server::start_with(settings).await;
    server.issuer.break_feed(true);
    server.advance(31);
    server
}

fn introspected(server: &Server) -> usize {
    server.issuer.introspected.load(Ordering::SeqCst)
}

async fn wait_until_introspected(server: &Server, count: usize) -> anyhow::Result<()> {
    until("they are asked about", IN_TIME, || async { (introspected(server) >= count).then_some(()) }).await
}

#[tokio::test]
async fn a_flood_of_one_good_token_asks_a_silent_authorization_server_once() {
    let server = in_silence("requests_per_minute = 100000\nconcurrent_calls = 1000").await;
    let token = server.token("mcp.read");
    let flood = || async {
        let answers = join_all((0..200).map(|_| server.list(&token))).await;
        assert!(
            answers.iter().all(|answer| answer.status == StatusCode::OK),
            "it is good, and reading needs no answer"
        );
    };
    flood().await;
    assert_eq!(introspected(&server), 1, "one question for all who wait");
    server.issuer.answer_introspection(Introspection::Broken);
    server.advance(10);
    flood().await;
    flood().await;
    assert_eq!(server.list(&server.token_of("bob", "client", "mcp.read")).await.status, StatusCode::OK);
    assert_eq!(introspected(&server), 2, "after a failure nobody asks, about any token");
    server.advance(1);
    flood().await;
    assert_eq!(introspected(&server), 3, "for a second");
}

#[tokio::test]
async fn nobody_asks_a_silent_authorization_server_about_more_tokens_than_they_may_send() {
    let server = in_silence("requests_per_minute = 5").await;
    let mut served = 0;
    for number in 0..50 {
        let mut claims = server.claims("mcp.read");
        claims["jti"] = json!(format!("jti-{number}"));
        served += usize::from(server.list(&server.sign(&claims)).await.status == StatusCode::OK);
    }
    assert_eq!((served, introspected(&server)), (5, 5));
}

#[tokio::test]
async fn a_silent_authorization_server_that_hangs_holds_few_questions_and_each_once() {
    let server = in_silence("").await;
    server.issuer.answer_introspection(Introspection::Held);
    let token = server.token("mcp.read");
    for _ in 0..3 {
        let mut hangs_up = pin!(server.list(&token));
        tokio::select! {
            biased;
            answer = &mut hangs_up => panic!("{}", answer.text()),
            asked = wait_until_introspected(&server, 1) => asked.expect("asked"),
        }
    }
    let tokens: Vec<String> =
        (0..100).map(|number| server.token_of(&format!("user-{number}"), "client", "mcp.read")).collect();
    let release = async {
        wait_until_introspected(&server, QUESTIONS_AT_ONCE).await.expect("asked");
        server.issuer.gate.close();
    };
    let (answers, one, ()) =
        tokio::join!(join_all(tokens.iter().map(|token| server.list(token))), server.list(&token), release);
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    assert_eq!(one.status, StatusCode::OK);
    assert_eq!(introspected(&server), 101, "also about the one that whose senders hung up");
    assert!(server.issuer.most_waiting.load(Ordering::SeqCst) <= QUESTIONS_AT_ONCE);
}

#[tokio::test]
async fn a_token_that_says_the_wrong_things_is_verified_once_a_minute_however_often_it_comes() {
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    let changed = |claims: Value, name: &str, value: Value| {
        let mut claims = claims;
        claims[name] = value;
        claims
    };
    let (ours, theirs) = (server.claims("mcp.read"), foreign.claims(RESOURCE, server.now()));
    let old = changed(ours.clone(), "iat", json!(server.now() - 900));
    let bad = [
        server.sign(&changed(old, "exp", json!(server.now() - 60))),
        server.sign(&changed(ours.clone(), "aud", json!("http://localhost:9500/other"))),
        server.sign(&changed(ours, "cnf", json!({"jkt": "x"}))),
        foreign.sign(&changed(theirs.clone(), "aud", json!("account"))),
        foreign.sign(&changed(theirs, "token_use", json!("id"))),
    ];
    for round in 1..=2 {
        for token in &bad {
            for _ in 0..100 {
                let answer = server.send(from(token, "203.0.113.9:1")).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
            }
        }
        assert_eq!(signatures(&server, "good"), round * bad.len());
        server.advance(60);
    }
    let remembered = "postern_token_cache_total{outcome=\"refused\"}";
    let remembered = crate::metrics_documented::value_of(&server.metrics(), remembered);
    assert_eq!(remembered, Some(2.0 * 99.0 * bad.len() as f64));
}

#[tokio::test]
async fn a_revoked_token_is_not_verified_again_at_each_refusal() {
    let server = Server::start_with("requests_per_minute = 100000").await;
    let token = server.token("mcp.read");
    assert_eq!(server.send(from(&token, "203.0.113.9:1")).await.status, StatusCode::OK);
    server.issuer.revoke(RevocationKind::Grant, "grant-1", server.now() + 1);
    let refused = || async {
        (server.send(from(&token, "203.0.113.9:1")).await.status == StatusCode::UNAUTHORIZED).then_some(())
    };
    until("it is revoked", IN_TIME, refused).await.expect("revoked");
    for _ in 0..100 {
        refused().await.expect("it stays revoked");
    }
    assert_eq!(signatures(&server, "good"), 1);
}

#[tokio::test]
async fn a_refusal_that_time_or_new_keys_mend_is_not_remembered() {
    let server = Server::start().await;
    let mut early = server.claims("mcp.read");
    early["nbf"] = json!(server.now() + 65);
    let early = server.sign(&early);
    assert_eq!(server.list(&early).await.status, StatusCode::UNAUTHORIZED);
    server.advance(10);
    assert_eq!(server.list(&early).await.status, StatusCode::OK, "now it is valid");

    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    let unknown = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(server.list(&unknown).await.status, StatusCode::UNAUTHORIZED);
    server.issuer.keys.lock().expect("unpoisoned").push(public_key(&next));
    server.advance(11);
    assert_eq!(server.list(&unknown).await.status, StatusCode::OK, "now its key is known");

    let mut short = server.claims("mcp.read");
    short["exp"] = json!(server.now() + 100);
    let short = server.sign(&short);
    server.advance(120);
    assert_eq!(server.list(&short).await.status, StatusCode::UNAUTHORIZED, "it has expired");
    server.advance(-30);
    assert_eq!(server.list(&short).await.status, StatusCode::OK, "the clock ran ahead");
}
