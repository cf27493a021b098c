//! One code, many presentations at once: it buys at most once, and being seen twice ends what it bought.

use crate::auth_server::{TestServer, database, given::Given};
use shared::db::Store;
use std::sync::Arc;

async fn thirty_two_racers_buy_at_most_once_and_end_the_grant(store: &Store) {
    let server = Arc::new(TestServer::start_on(store.clone(), "").await.and_app().await);
    let code = server.give(&Given::USUAL).await;
    let racers: Vec<_> = (0..32)
        .map(|_| {
            let (server, code) = (Arc::clone(&server), code.clone());
            tokio::spawn(async move { server.redeem(&code).await })
        })
        .collect();
    let mut bought = Vec::new();
    for racer in racers {
        let answer = racer.await.expect("no panic");
        match answer.status.as_u16() {
            200 => bought.push(answer),
            _ => assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned())),
        }
    }
    assert_eq!(bought.len(), 1);
    let refused = server.refresh(&bought[0].text("refresh_token")).await;
    assert_eq!(refused.refusal(), (400, "invalid_grant".to_owned()), "{refused:?}");
    assert_eq!((server.revoked_grants().await, server.audited("code_replayed").await), (1, 1));
}

database::for_each_database!(thirty_two_racers_buy_at_most_once_and_end_the_grant);
