//! The keys of the installation. What is secret of them is shown to nobody.

use super::{
    Call, Collection, Operation, Refusal, Reply,
    page::Page,
    schema,
    views::{KeyView, RevokedKeyView, RotatedKeyView},
};
use crate::{
    key_lifecycle::{KeyAct, Pace, Rotation, revoke_signing_key, rotate_signing_key},
    store::{signing_key, successor_key},
};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::protocol::token_algorithm::TokenAlgorithm;

const NAME: &str = "keys";
const COLUMNS: &[&str] = &["kid", "use", "algorithm", "state", "published_at", "activates_at", "gone_at"];

pub(super) const COLLECTION: Collection = Collection {
    name: NAME,
    about: "The keys that sign tokens, and those that derive refresh tokens",
    operations: &[
        Operation::get((NAME, "list"), "/keys", |call| Box::pin(list(call)))
            .does("List the keys that sign tokens, did or will, and those that derive refresh tokens", "keys list")
            .answers(schema::of::<Page<KeyView>>)
            .columns(COLUMNS),
        Operation::post((NAME, "rotate"), "/keys/rotate", |call| Box::pin(rotate(call)))
            .does("Replace the keys that sign, before their time; no valid token is refused", "keys rotate --algorithm ES256")
            .body(schema::of::<Replacement>)
            .answers(schema::of::<Page<RotatedKeyView>>)
            .refuses(&[409])
            .columns(&["algorithm", "kid", "state", "signs_at"]),
        Operation::get((NAME, "show"), "/keys/{id}", |call| Box::pin(show(call)))
            .does("Show a key", "keys show NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
            .answers(schema::of::<KeyView>),
        Operation::post((NAME, "revoke"), "/keys/{id}/revoke", |call| Box::pin(revoke(call)))
            .does(
                "Revoke a key that may have been stolen: whatever it signed ends at once, and another signs in its place",
                "keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            )
            .answers(schema::of::<RevokedKeyView>),
    ],
};

async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::shows(&Page { items: keys(call).await?, next_cursor: None }))
}

async fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let key = keys(call).await?.into_iter().find(|key| key.kid == call.path("id"));
    Ok(Reply::shows(&key.ok_or_else(Refusal::not_found)?))
}

async fn keys(call: &Call<'_>) -> Result<Vec<KeyView>, Refusal> {
    let mut reader = call.app.store.read();
    let signing = signing_key::list_lives(&mut reader).await?.into_iter().map(KeyView::from);
    let mut keys: Vec<KeyView> = signing.collect();
    keys.extend(successor_key::list(&mut reader).await?.into_iter().map(KeyView::from));
    Ok(keys)
}

/// Which keys are replaced, and how soon.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replacement {
    /// Only the key of this algorithm; without it all.
    algorithm: Option<super::clients::Algorithm>,
    /// Let the next key sign after 40 seconds instead of six minutes. Verifiers that ask for the keys only every few minutes may refuse new tokens until
    /// then.
    #[serde(default)]
    now: bool,
}

async fn rotate(call: &Call<'_>) -> Result<Reply, Refusal> {
    let body: Replacement = call.body(schema::of::<Replacement>)?;
    let pace = if body.now { Pace::Hurry } else { Pace::InTime };
    let algorithms = body.algorithm.map_or_else(|| TokenAlgorithm::ALL.to_vec(), |algorithm| vec![algorithm.into()]);
    let mut items = Vec::new();
    for algorithm in algorithms {
        let name = algorithm.as_str();
        items.push(match rotate_signing_key(&act(call), algorithm, pace).await? {
            Rotation::Prepared { kid, signs_at } => RotatedKeyView::next(name, kid, signs_at),
            Rotation::Activated(key) => RotatedKeyView::active(name, key),
            Rotation::TooManyKeys { .. } => {
                return Err(Refusal::conflict("So many retired keys are still published that another would not fit."));
            }
        });
    }
    Ok(Reply::shows(&Page { items, next_cursor: None }))
}

async fn revoke(call: &Call<'_>) -> Result<Reply, Refusal> {
    let kid = call.path("id");
    let revoked = revoke_signing_key(&act(call), kid).await?.ok_or_else(Refusal::not_found)?;
    Ok(Reply::shows(&RevokedKeyView { kid: kid.to_owned(), replaced_by: revoked.replaced_by }))
}

fn act<'a>(call: &Call<'a>) -> KeyAct<'a> {
    let app = call.app;
    KeyAct { store: &app.store, sealing: &app.sealing, random: &*app.random, by: call.actor, now: call.now }
}
