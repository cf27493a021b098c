//! Client and resource are, in the transaction that decides, what they were when the question was put together: it was put together from
//! caches, and a page may have been open for minutes.

use crate::{clients::Client, resources::Resource, store};
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
};

/// Whether what was judged and shown still stands.
///
/// # Errors
/// The database does not answer.
pub async fn is_unchanged(
    tx: &mut Tx,
    client: &Client,
    resource: &Resource,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let found = store::client::find(tx, &client.id).await?;
    if !found.is_some_and(|found| found.is_alive(now) && is_same(&found, client)) {
        return Ok(false);
    }
    if resource.is_management() || resource.is_identity() {
        return Ok(true);
    }
    Ok(store::resource::find_by_id(tx, &resource.id).await?.as_ref() == Some(resource))
}

/// Whether they differ in nothing but what nobody is asked about: that somebody consented before, and the secret.
fn is_same(client: &Client, seen: &Client) -> bool {
    let Client { confirmed_at, secret_hash, previous_secret, .. } = client.clone();
    *client == Client { confirmed_at, secret_hash, previous_secret, ..seen.clone() }
}
