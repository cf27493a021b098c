//! Next → active → retired → gone, with a clock that is moved.

use super::{PERIOD_SECONDS, active, is_active, job, kids, lives, published, swept, token};
use crate::auth_server::{TestServer, database::for_each_database, given::confidential_client};
use auth_server::{
    jobs::SWEEP,
    key_lifecycle::{
        Pace, Rotation, advance_signing_keys, rotate_signing_key,
        times::{
            PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS, PUBLISHED_BEFORE_SIGNING_SECONDS, PUBLISHED_MAX_KEYS,
            RETIRED_SECONDS, Stage,
        },
    },
};
use shared::{clock::Clock as _, db::Store, protocol::token_algorithm::TokenAlgorithm};
use std::sync::Arc;

for_each_database!(
    a_key_is_next_active_retired_and_gone_each_at_its_second,
    of_instances_that_advance_at_once_one_does_each_step,
    a_rotation_in_time_signs_when_no_cache_can_be_without_the_key,
    a_clock_that_jumps_ahead_lets_no_key_go,
);

const ES256: TokenAlgorithm = TokenAlgorithm::Es256;

async fn server(store: &Store) -> TestServer {
    let server = TestServer::start_on(store.clone(), "").await;
    server.add_client(&confidential_client("web")).await;
    server
}

async fn a_key_is_next_active_retired_and_gone_each_at_its_second(store: &Store) {
    let server = server(store).await;
    let first = active(&server, ES256).await;
    server.clock.advance(PERIOD_SECONDS - PUBLISHED_BEFORE_SIGNING_SECONDS - 1);
    assert_eq!(job(&server).await, 0, "a second early");
    server.clock.advance(1);
    assert_eq!(job(&server).await, 2, "one of each algorithm is published");
    assert_eq!(job(&server).await, 0);
    let next = kids(&server, ES256, "next").await.pop().expect("a next key");
    assert!(published(&server).await.is_superset(&[first.clone(), next.clone()].into()));
    assert_eq!(token(&server).await.1, first, "it does not sign yet");

    server.clock.advance(PUBLISHED_BEFORE_SIGNING_SECONDS - 1);
    assert_eq!(job(&server).await, 0);
    let (last, _) = token(&server).await;
    server.clock.advance(1);
    assert_eq!(job(&server).await, 2);
    assert_eq!(token(&server).await.1, next);
    assert_eq!(active(&server, ES256).await, next);
    assert!(is_active(&server, &last).await, "what the retired key signed lives on");

    server.clock.advance(RETIRED_SECONDS - 1);
    assert_eq!(job(&server).await, 0);
    assert!(published(&server).await.contains(&first));
    server.clock.advance(1);
    assert_eq!(job(&server).await, 2, "both retired keys are gone");
    let left = published(&server).await;
    assert!(left.len() == 2 && left.contains(&next), "{left:?}");
    for (kind, times) in [("signing_key_published", 2), ("signing_key_activated", 4), ("signing_key_gone", 2)] {
        assert_eq!(server.audited(kind).await, times, "{kind}");
    }
}

async fn of_instances_that_advance_at_once_one_does_each_step(store: &Store) {
    let server = server(store).await;
    let period = 24 * 3600;
    let all_at_once = || async {
        swept(&server).await;
        let act = server.app.key_act();
        let (one, two, three) = tokio::join!(
            advance_signing_keys(&act, period),
            advance_signing_keys(&act, period),
            advance_signing_keys(&act, period)
        );
        one.expect("the job") + two.expect("the job") + three.expect("the job")
    };
    for _ in 0..3 {
        server.clock.advance(period);
        assert_eq!(all_at_once().await, 2, "published");
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(kids(&server, algorithm, "next").await.len(), 1);
        }
        server.clock.advance(PUBLISHED_BEFORE_SIGNING_SECONDS);
        let gone = lives(&server).await.iter().filter(|life| is_over(life, server.clock.now())).count();
        assert_eq!(all_at_once().await, 2 + gone, "activated");
        for algorithm in TokenAlgorithm::ALL {
            active(&server, algorithm).await;
        }
    }
}

fn is_over(life: &auth_server::store::signing_key::KeyLife, now: i64) -> bool {
    matches!(Stage::of(life), Stage::Retired { gone_at } if gone_at <= now)
}

async fn a_rotation_in_time_signs_when_no_cache_can_be_without_the_key(store: &Store) {
    let server = server(store).await;
    let first = active(&server, ES256).await;
    let Rotation::Prepared { kid, signs_at } =
        rotate_signing_key(&server.app.key_act(), ES256, Pace::InTime).await.expect("rotated")
    else {
        panic!("it cannot sign at once")
    };
    assert_eq!(signs_at, server.clock.now() + PUBLISHED_BEFORE_SIGNING_SECONDS);
    let again = rotate_signing_key(&server.app.key_act(), ES256, Pace::InTime).await.expect("rotated");
    assert_eq!(again, Rotation::Prepared { kid: kid.clone(), signs_at }, "asking twice makes no second key");
    server.follow().await;
    assert!(published(&server).await.contains(&kid));
    assert!(kids(&server, TokenAlgorithm::Rs256, "next").await.is_empty(), "the other algorithm is left alone");

    // Somebody is in a hurry now.
    server.clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS - 1);
    let hurried = rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated");
    assert_eq!(hurried, Rotation::Prepared { kid: kid.clone(), signs_at: server.clock.now() + 1 });
    server.clock.advance(1);
    let rotated = rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated");
    let Rotation::Activated(key) = rotated else { panic!("{rotated:?}") };
    assert_eq!((key.kid.as_str(), key.retired.as_deref()), (kid.as_str(), Some(first.as_str())));
    server.follow().await;
    assert_eq!(token(&server).await.1, kid);
    assert_eq!(server.audited("signing_key_hurried").await, 1);
}

async fn a_clock_that_jumps_ahead_lets_no_key_go(store: &Store) {
    let server = server(store).await;
    let (living, first) = token(&server).await;
    for _ in 0..2 {
        rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated");
        server.clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS);
    }
    server.follow().await;
    assert!(kids(&server, ES256, "retired").await.contains(&first));
    // Before the first sweep nobody knows what the clock did.
    for jump in [0, RETIRED_SECONDS] {
        server.clock.advance(jump);
        for _ in 0..2 {
            advance_signing_keys(&server.app.key_act(), PERIOD_SECONDS).await.expect("the job");
            (SWEEP.run)(Arc::clone(&server.app)).await.expect("swept");
        }
    }
    advance_signing_keys(&server.app.key_act(), PERIOD_SECONDS).await.expect("the job");
    server.clock.advance(-RETIRED_SECONDS);
    server.follow().await;
    assert!(published(&server).await.contains(&first));
    assert!(is_active(&server, &living).await, "the clock is right again, and so is the token");
}

#[tokio::test]
async fn more_keys_than_a_set_may_hold_are_refused_until_the_oldest_is_gone() {
    let server = TestServer::start().await;
    let mut refused = None;
    for _ in 0..PUBLISHED_MAX_KEYS {
        match rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated") {
            Rotation::Prepared { .. } => server.clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS),
            Rotation::Activated(_) => {}
            Rotation::TooManyKeys { until } => refused = Some(until),
        }
        rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated");
        server.follow().await;
    }
    let until = refused.expect("too many");
    assert_eq!(lives(&server).await.len(), PUBLISHED_MAX_KEYS);
    assert!(server.app.keys.can_sign());
    server.clock.advance(until - server.clock.now());
    assert_eq!(job(&server).await, 1, "the oldest is gone");
    let rotated = rotate_signing_key(&server.app.key_act(), ES256, Pace::InTime).await.expect("rotated");
    assert!(matches!(rotated, Rotation::Prepared { .. }), "{rotated:?}");
}
