//! Signing keys: one active key an algorithm, made at the first start, sealed.

use super::KeyLifecycleError;
use crate::{
    change_log::{self, Change},
    store::{
        self,
        signing_key::{NewSigningKey, SEALED_COLUMN, SigningKeyRow, TABLE},
    },
};
use keys::{KeyEntry, KeyState, SigningKey};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::token_algorithm::TokenAlgorithm,
    sealing::{Sealing, SealingContext},
};

/// Makes the active key of each algorithm that has none. Of several instances that start at once one wins, and all load its keys.
///
/// # Errors
/// A key cannot be made, or the database failed.
pub async fn create_missing(store: &Store, sealing: &Sealing, now: UnixSeconds) -> Result<(), KeyLifecycleError> {
    for algorithm in TokenAlgorithm::ALL {
        if store::signing_key::active_exists(&mut store.read(), algorithm.as_str()).await? {
            continue;
        }
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
            .await
            .map_err(|error| KeyLifecycleError::Unusable(format!("making a signing key failed: {error}")))?;
        let key = made.map_err(|error| KeyLifecycleError::Unusable(format!("making a signing key failed: {error}")))?;
        insert_active(store, sealing, &key, now).await?;
    }
    Ok(())
}

/// Writes `key` as the active one of its algorithm; `false` if there is one already.
pub async fn insert_active(
    store: &Store,
    sealing: &Sealing,
    key: &SigningKey,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let sealed = sealing.seal(&context(key.kid()), &key.to_pkcs8());
    let public_jwk = serde_json::to_string(key.public_jwk()).expect("public keys have a JSON form");
    let row =
        NewSigningKey { kid: key.kid(), algorithm: key.algorithm().as_str(), public_jwk: &public_jwk, sealed: &sealed };
    store
        .write(|mut tx| {
            let row = &row;
            async move {
                let inserted = store::signing_key::insert_active(&mut tx, row, now).await?;
                if inserted {
                    change_log::append(&mut tx, Change::SigningKeysChanged(row.kid), now).await?;
                }
                Ok(inserted)
            }
        })
        .await
}

/// Every key that is not gone, opened.
///
/// # Errors
/// A key does not open or is not what its row says.
pub async fn load(store: &Store, sealing: &Sealing) -> Result<Vec<KeyEntry>, KeyLifecycleError> {
    store::signing_key::list(&mut store.read()).await?.iter().map(|row| open(row, sealing)).collect()
}

fn open(row: &SigningKeyRow, sealing: &Sealing) -> Result<KeyEntry, KeyLifecycleError> {
    let unusable = |what: &str| KeyLifecycleError::Unusable(format!("the stored signing key {} {what}", row.kid));
    let algorithm = TokenAlgorithm::parse(&row.algorithm).ok_or_else(|| unusable("has an unknown algorithm"))?;
    let pkcs8 = sealing.open(&context(&row.kid), &row.sealed.key_id, &row.sealed.bytes)?;
    let key = SigningKey::from_pkcs8(algorithm, &pkcs8).map_err(|_| unusable("cannot be read"))?;
    if key.kid() != row.kid {
        return Err(unusable("is another key"));
    }
    let state = match (row.activated_at, row.retired_at) {
        (_, Some(_)) => KeyState::Retired,
        (Some(_), None) => KeyState::Active,
        (None, None) => KeyState::Next,
    };
    Ok(KeyEntry { key, state })
}

fn context(kid: &str) -> SealingContext<'_> {
    SealingContext { table: TABLE, column: SEALED_COLUMN, row: kid, owner: "" }
}
