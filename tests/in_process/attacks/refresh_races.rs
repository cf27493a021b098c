//! One refresh token, many processes at once: all are answered, with one live token.

use crate::auth_server::{TestServer, database};
use shared::db::Store;
use std::{collections::HashSet, sync::Arc};

const GRACE: i64 = 120;

/// A live token, the same token a moment later, and the same token when its answer counts as lost.
async fn thirty_two_racers_are_all_answered_with_one_live_token(store: &Store) {
    let server = Arc::new(TestServer::start_on(store.clone(), "").await.and_app().await);
    let first = server.family().await;
    let mut handed_out = HashSet::new();
    for advance in [0, 0, GRACE + 1] {
        server.clock.advance(advance);
        let racers: Vec<_> = (0..32)
            .map(|_| {
                let (server, first) = (Arc::clone(&server), first.clone());
                tokio::spawn(async move { server.refresh(&first).await })
            })
            .collect();
        let mut answers = HashSet::new();
        for racer in racers {
            let answer = racer.await.expect("no panic");
            assert_eq!(answer.status, 200, "{answer:?}");
            answers.insert(answer.text("refresh_token"));
        }
        assert_eq!(answers.len(), 1, "one live token for all");
        handed_out.extend(answers);
    }
    assert_eq!((handed_out.len(), server.revoked_grants().await), (2, 0));
}

database::for_each_database!(thirty_two_racers_are_all_answered_with_one_live_token);
