//! Every statement of an act on keys fails once, in every way: an algorithm is never without the one key that signs, what is published is
//! what is stored, and the act can be repeated.

use super::nth_fault::{FAULTS, POINTS_MAX, server_with_faults};
use crate::auth_server::{TestServer, database, keys::swept};
use auth_server::{
    key_lifecycle::{
        Pace, Rotation, advance_signing_keys, revoke_signing_key, rotate_signing_key,
        times::{PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS, RETIRED_SECONDS, Stage},
    },
    store::signing_key,
};
use shared::{db::Store, protocol::token_algorithm::TokenAlgorithm};

const ES256: TokenAlgorithm = TokenAlgorithm::Es256;
/// So long that nothing is due but what a test asks for.
const PERIOD_SECONDS: i64 = 365 * 24 * 3600;

#[derive(Debug, Clone, Copy)]
enum Act {
    Publish,
    Activate,
    Revoke,
    LetGo,
}

/// Does it; whether the database let it.
async fn act(server: &TestServer, what: Act) -> bool {
    let act = server.app.key_act();
    match what {
        Act::Publish => rotate_signing_key(&act, ES256, Pace::InTime).await.is_ok(),
        Act::Activate => rotate_signing_key(&act, ES256, Pace::Hurry).await.is_ok(),
        Act::Revoke => revoke_signing_key(&act, &active(server).await).await.is_ok(),
        Act::LetGo => advance_signing_keys(&act, PERIOD_SECONDS).await.is_ok(),
    }
}

/// Makes it possible.
async fn prepare(server: &TestServer, what: Act) {
    if matches!(what, Act::Activate | Act::LetGo) {
        let rotated = rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated");
        assert!(matches!(rotated, Rotation::Prepared { .. }), "{rotated:?}");
        server.clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS);
    }
    if matches!(what, Act::LetGo) {
        rotate_signing_key(&server.app.key_act(), ES256, Pace::Hurry).await.expect("rotated");
        server.clock.advance(RETIRED_SECONDS);
        swept(server).await;
    }
}

async fn active(server: &TestServer) -> String {
    let lives = signing_key::list_lives(&mut server.app.store.read()).await.expect("keys");
    let is_active = |life: &&signing_key::KeyLife| {
        life.algorithm == ES256.as_str() && matches!(Stage::of(life), Stage::Active { .. })
    };
    let active: Vec<_> = lives.iter().filter(is_active).map(|life| life.kid.clone()).collect();
    assert_eq!(active.len(), 1, "{lives:?}");
    active.into_iter().next().expect("one")
}

async fn check(server: &TestServer) {
    active(server).await;
    server.follow().await;
    assert!(server.app.keys.can_sign());
    let lives = signing_key::list_lives(&mut server.app.store.read()).await.expect("keys");
    let published = server.app.keys.verification_keys();
    assert!(lives.iter().all(|life| published.contains(&life.kid)));
    assert_eq!(published.ids().count(), lives.len());
}

async fn no_failure_leaves_an_algorithm_without_its_key(store: &Store) {
    let (server, faults) = server_with_faults(store).await;
    for what in [Act::Publish, Act::Activate, Act::Revoke, Act::LetGo] {
        for fault in FAULTS {
            let mut failed = 0;
            for n in 1..POINTS_MAX {
                prepare(&server, what).await;
                let before = active(&server).await;
                let skipped = u32::from(matches!(what, Act::Revoke));
                faults.arm(n + skipped, fault);
                let done = act(&server, what).await;
                if !faults.disarm() {
                    assert!(done, "{what:?}");
                    break;
                }
                failed += 1;
                check(&server).await;
                if !done && !matches!(what, Act::Revoke) {
                    act(&server, what).await;
                }
                assert!(matches!(what, Act::Revoke | Act::Activate) || active(&server).await == before, "{what:?}");
                check(&server).await;
                finish(&server).await;
            }
            assert!(failed > 1, "{what:?} has statements");
            finish(&server).await;
        }
    }
}

/// No next key is left, and few retired ones.
async fn finish(server: &TestServer) {
    server.clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS * 10);
    advance_signing_keys(&server.app.key_act(), PERIOD_SECONDS).await.expect("the job");
    server.clock.advance(RETIRED_SECONDS);
    swept(server).await;
    advance_signing_keys(&server.app.key_act(), PERIOD_SECONDS).await.expect("the job");
    server.follow().await;
}

database::for_each_database!(no_failure_leaves_an_algorithm_without_its_key);
