//! Signing keys: made, sealed, loaded. What becomes of them is in [`super::advance_signing_keys`].

use super::{KeyAct, KeyLifecycleError, times::Stage};
use crate::{
    audit::{self, AuditKind},
    change_log::{self, Change},
    store::{
        self,
        signing_key::{NewSigningKey, SEALED, SigningKeyRow},
    },
};
use keys::{KeyEntry, KeyState, SigningKey};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::token_algorithm::TokenAlgorithm,
    sealing::{Sealed, Sealing},
};

/// Makes the active key of each algorithm that has none. Of several instances that start at once one wins, and all load its keys.
///
/// # Errors
/// A key cannot be made, or the database failed.
pub async fn create_missing(act: &KeyAct<'_>) -> Result<(), KeyLifecycleError> {
    for algorithm in TokenAlgorithm::ALL {
        if !store::signing_key::active_exists(&mut act.store.read(), algorithm.as_str()).await? {
            insert_active(act, &generate(algorithm).await?).await?;
        }
    }
    Ok(())
}

/// A fresh key, made on a thread of its own: RSA takes a tenth of a second or more.
///
/// # Errors
/// The key could not be made.
pub async fn generate(algorithm: TokenAlgorithm) -> Result<SigningKey, KeyLifecycleError> {
    let failed = |cause: String| KeyLifecycleError::Unusable(format!("making a signing key failed: {cause}"));
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
    made.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

/// Writes `key` as the active one of its algorithm; `false` if there is one already.
///
/// # Errors
/// The database failed.
pub async fn insert_active(act: &KeyAct<'_>, key: &SigningKey) -> Result<bool, StoreError> {
    let form = StoredForm::of(key, act.sealing);
    let event = act.event(AuditKind::SigningKeyActivated).detail(key.kid());
    act.store
        .write(|mut tx| {
            let (row, event) = (form.row(), &event);
            async move {
                let inserted = store::signing_key::insert_active(&mut tx, &row, act.now).await?;
                if inserted {
                    audit::record(&mut tx, event).await?;
                    change_log::append(&mut tx, Change::SigningKeysChanged(row.kid), act.now).await?;
                }
                Ok(inserted)
            }
        })
        .await
}

/// Writes `key` as the next one of its algorithm, to sign from `activates_at` on; `false` if there is one already.
///
/// # Errors
/// The database failed.
pub async fn insert_next(act: &KeyAct<'_>, key: &SigningKey, activates_at: UnixSeconds) -> Result<bool, StoreError> {
    let form = StoredForm::of(key, act.sealing);
    let event = act.event(AuditKind::SigningKeyPublished).detail(key.kid());
    act.store
        .write(|mut tx| {
            let (row, event) = (form.row(), &event);
            async move {
                let inserted = store::signing_key::insert_next(&mut tx, &row, activates_at, act.now).await?;
                if inserted {
                    audit::record(&mut tx, event).await?;
                    change_log::append(&mut tx, Change::SigningKeysChanged(row.kid), act.now).await?;
                }
                Ok(inserted)
            }
        })
        .await
}

/// A key as its row holds it.
pub(super) struct StoredForm<'a> {
    key: &'a SigningKey,
    public_jwk: String,
    sealed: Sealed,
}

impl<'a> StoredForm<'a> {
    pub(super) fn of(key: &'a SigningKey, sealing: &Sealing) -> Self {
        let sealed = sealing.seal(&SEALED.context(key.kid()), &key.to_pkcs8());
        let public_jwk = serde_json::to_string(key.public_jwk()).expect("public keys have a JSON form");
        Self { key, public_jwk, sealed }
    }

    pub(super) fn row(&self) -> NewSigningKey<'_> {
        NewSigningKey {
            kid: self.key.kid(),
            algorithm: self.key.algorithm().as_str(),
            public_jwk: &self.public_jwk,
            sealed: &self.sealed,
        }
    }
}

/// Every key that is not gone, opened.
///
/// # Errors
/// A key does not open or is not what its row says.
pub async fn load(store: &Store, sealing: &Sealing) -> Result<Vec<KeyEntry>, KeyLifecycleError> {
    store::signing_key::list(&mut store.read()).await?.iter().map(|row| open(row, sealing)).collect()
}

fn open(row: &SigningKeyRow, sealing: &Sealing) -> Result<KeyEntry, KeyLifecycleError> {
    let kid = &row.life.kid;
    let unusable = |what: &str| KeyLifecycleError::Unusable(format!("the stored signing key {kid} {what}"));
    let algorithm = TokenAlgorithm::parse(&row.life.algorithm).ok_or_else(|| unusable("has an unknown algorithm"))?;
    let pkcs8 = sealing.open(&SEALED.context(kid), &row.sealed.key_id, &row.sealed.bytes)?;
    let key = SigningKey::from_pkcs8(algorithm, &pkcs8).map_err(|_| unusable("cannot be read"))?;
    if key.kid() != kid {
        return Err(unusable("is another key"));
    }
    let state = match Stage::of(&row.life) {
        Stage::Next { .. } => KeyState::Next,
        Stage::Active { .. } => KeyState::Active,
        Stage::Retired { .. } => KeyState::Retired,
    };
    Ok(KeyEntry { key, state })
}
