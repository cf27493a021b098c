//! Signing keys, what they are sealed under, and the keys of refresh tokens, over their whole lives.

mod command;
mod key_file;
mod key_set;
mod life;
mod revoked;
mod sealed;
mod silence;
mod successor;

use super::{
    TestServer,
    given::{SECRET, TOKEN, basic, kid_of},
};
use auth_server::{
    key_lifecycle::{advance_signing_keys, times::Stage},
    store::{
        signing_key::{self, KeyLife},
        sweep_time,
    },
};
use shared::{clock::Clock as _, protocol::token_algorithm::TokenAlgorithm};
use std::collections::BTreeSet;

const PERIOD_SECONDS: i64 = 30 * 24 * 3600;

/// As sweeping leaves it when the clock is right.
pub async fn swept(server: &TestServer) {
    let now = server.clock.now();
    server.app.store.write(|mut tx| async move { sweep_time::put(&mut tx, now).await }).await.expect("written");
}

/// One round of the job while the clock is right, and what the follower makes of it; returns how many steps it took.
async fn job(server: &TestServer) -> usize {
    swept(server).await;
    let steps = advance_signing_keys(&server.app.key_act(), PERIOD_SECONDS).await.expect("the job");
    server.follow().await;
    steps
}

async fn lives(server: &TestServer) -> Vec<KeyLife> {
    signing_key::list_lives(&mut server.app.store.read()).await.expect("keys")
}

/// The ids of the keys of an algorithm in a state.
async fn kids(server: &TestServer, algorithm: TokenAlgorithm, state: &str) -> Vec<String> {
    let lives = lives(server).await;
    let wanted = |life: &&KeyLife| life.algorithm == algorithm.as_str() && Stage::of(life).as_str() == state;
    lives.iter().filter(wanted).map(|life| life.kid.clone()).collect()
}

async fn active(server: &TestServer, algorithm: TokenAlgorithm) -> String {
    let kids = kids(server, algorithm, "active").await;
    assert_eq!(kids.len(), 1, "one key of each algorithm signs");
    kids.into_iter().next().expect("one")
}

/// What the JWKS holds.
async fn published(server: &TestServer) -> BTreeSet<String> {
    let set = server.get("/.well-known/jwks.json").await.json();
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// A token of the machine `web`, and the key that signed it.
async fn token(server: &TestServer) -> (String, String) {
    let form = [("grant_type", "client_credentials")];
    let answer = server.post_form_as(TOKEN, &basic("web", SECRET), &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.text("access_token");
    let kid = kid_of(&token);
    (token, kid)
}

/// Whether the token is good, as its own client is told.
async fn is_active(server: &TestServer, token: &str) -> bool {
    let answer = server.post_form_as("/oauth2/introspect", &basic("web", SECRET), &[("token", token)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["active"].as_bool().expect("a truth value")
}
