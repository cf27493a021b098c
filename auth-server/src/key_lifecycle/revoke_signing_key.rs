//! A signing key was stolen: out of the JWKS at once, everything it signed ends, and another signs.

use super::{
    KeyAct, KeyLifecycleError,
    signing_keys::{self, StoredForm},
};
use crate::{
    audit::{self, AuditKind},
    change_log::{self, Change},
    store::signing_key,
};
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
    protocol::token_algorithm::TokenAlgorithm,
};

/// A key that was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedSigningKey {
    /// The key that signs in its place; none is needed for a key that did not sign.
    pub replaced_by: Option<String>,
}

/// Revokes the key `kid`; `None` if there is none of that id, or it is gone. Servers drop it within a second: tokens that it
/// signed are refused, and clients get new ones by themselves.
///
/// A key that signed is replaced by the next one if there is one, because caches know that already, else by a fresh one.
///
/// # Errors
/// The database failed, or a key could not be made.
pub async fn revoke_signing_key(act: &KeyAct<'_>, kid: &str) -> Result<Option<RevokedSigningKey>, KeyLifecycleError> {
    let lives = signing_key::list_lives(&mut act.store.read()).await?;
    let Some(algorithm) =
        lives.iter().find(|life| life.kid == kid).and_then(|life| TokenAlgorithm::parse(&life.algorithm))
    else {
        return Ok(None);
    };
    let spare = signing_keys::generate(algorithm).await?;
    let spare = StoredForm::of(&spare, act.sealing);
    let revoked = act.event(AuditKind::SigningKeyRevoked).detail(kid);
    let activated = act.event(AuditKind::SigningKeyActivated);
    act.store
        .write(|mut tx| {
            let (spare, revoked, activated) = (&spare, &revoked, activated.clone());
            async move {
                let Some(key) = signing_key::revoke(&mut tx, kid, act.now).await? else { return Ok(None) };
                audit::record(&mut tx, revoked).await?;
                change_log::append(&mut tx, Change::KeyRevoked(kid), act.now).await?;
                if !key.was_active {
                    return Ok(Some(RevokedSigningKey { replaced_by: None }));
                }
                let replacement = replace(&mut tx, spare, &key.algorithm, act.now).await?;
                audit::record(&mut tx, &activated.detail(&replacement)).await?;
                change_log::append(&mut tx, Change::SigningKeysChanged(&replacement), act.now).await?;
                Ok(Some(RevokedSigningKey { replaced_by: Some(replacement) }))
            }
        })
        .await
}

async fn replace(tx: &mut Tx, spare: &StoredForm<'_>, algorithm: &str, now: UnixSeconds) -> Result<String, StoreError> {
    if let Some(next) = signing_key::find_next(tx, algorithm, UnixSeconds::MAX).await?
        && signing_key::activate(tx, &next, now).await?
    {
        return Ok(next);
    }
    let row = spare.row();
    signing_key::insert_active(tx, &row, now).await?;
    Ok(row.kid.to_owned())
}
