//! A stolen key: out of the JWKS at once, what it signed ends at once, another signs at once.

use super::{active, is_active, kids, published, token};
use crate::auth_server::{TestServer, database::for_each_database, events::hear, given::confidential_client};
use auth_server::key_lifecycle::{Pace, revoke_signing_key, rotate_signing_key};
use shared::{
    db::Store,
    protocol::{security_event::RevocationKind, token_algorithm::TokenAlgorithm},
};

for_each_database!(
    what_a_revoked_key_signed_ends_and_a_fresh_key_signs,
    the_next_key_signs_in_place_of_a_revoked_one,
    only_one_of_two_revocations_counts,
);

const ES256: TokenAlgorithm = TokenAlgorithm::Es256;

async fn server(store: &Store) -> TestServer {
    let server = TestServer::start_on(store.clone(), "").await;
    server.add_client(&confidential_client("web")).await;
    server
}

async fn what_a_revoked_key_signed_ends_and_a_fresh_key_signs(store: &Store) {
    let server = server(store).await;
    let (stolen, kid) = token(&server).await;
    assert!(is_active(&server, &stolen).await, "verified, and remembered");
    let revoked = revoke_signing_key(&server.app.key_act(), &kid).await.expect("done").expect("it was there");
    server.follow().await;
    assert!(!is_active(&server, &stolen).await);
    assert!(!published(&server).await.contains(&kid));
    let (fresh, signer) = token(&server).await;
    assert_eq!(Some(signer), revoked.replaced_by);
    assert!(is_active(&server, &fresh).await, "in the very second of the revocation");
    assert_eq!(server.audited("signing_key_revoked").await, 1);

    let machine = server.machine_token().await;
    let heard = hear(&server, &machine).await;
    assert!(heard.iter().any(|event| event.kind == RevocationKind::Kid && event.subject == kid), "{heard:?}");
    assert!(revoke_signing_key(&server.app.key_act(), &kid).await.expect("done").is_none(), "it is gone");
    assert!(revoke_signing_key(&server.app.key_act(), "unknown").await.expect("done").is_none());
}

async fn the_next_key_signs_in_place_of_a_revoked_one(store: &Store) {
    let server = server(store).await;
    rotate_signing_key(&server.app.key_act(), ES256, Pace::InTime).await.expect("rotated");
    let next = kids(&server, ES256, "next").await.pop().expect("a next key");
    let stolen = active(&server, ES256).await;
    let revoked = revoke_signing_key(&server.app.key_act(), &stolen).await.expect("done").expect("it was there");
    assert_eq!(revoked.replaced_by.as_ref(), Some(&next), "caches know it already");
    server.follow().await;
    assert_eq!(token(&server).await.1, next);

    rotate_signing_key(&server.app.key_act(), ES256, Pace::InTime).await.expect("rotated");
    let waiting = kids(&server, ES256, "next").await.pop().expect("a next key");
    let revoked = revoke_signing_key(&server.app.key_act(), &waiting).await.expect("done").expect("it was there");
    assert_eq!(revoked.replaced_by, None, "it did not sign");
    assert_eq!(active(&server, ES256).await, next);
}

async fn only_one_of_two_revocations_counts(store: &Store) {
    let server = server(store).await;
    let stolen = active(&server, ES256).await;
    let act = server.app.key_act();
    let (one, two) = tokio::join!(revoke_signing_key(&act, &stolen), revoke_signing_key(&act, &stolen));
    let done = [one.expect("done"), two.expect("done")];
    assert_eq!(done.iter().flatten().count(), 1, "{done:?}");
    assert_ne!(active(&server, ES256).await, stolen);
    assert_eq!(server.audited("signing_key_revoked").await, 1);
}
