//! A next key begins to sign, and the one before it stops.

use super::{KeyAct, KeyLifecycleError};
use crate::{
    audit::{self, AuditKind},
    change_log::{self, Change},
    store::signing_key,
};
use shared::protocol::token_algorithm::TokenAlgorithm;

/// A key that began to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivatedKey {
    /// Its id.
    pub kid: String,
    /// The key that signed before.
    pub retired: Option<String>,
}

/// Activates the next key of `algorithm` if it has been published for long enough; `None` when there is none, or another was first.
///
/// # Errors
/// The database failed.
pub async fn activate_next_key(
    act: &KeyAct<'_>,
    algorithm: TokenAlgorithm,
) -> Result<Option<ActivatedKey>, KeyLifecycleError> {
    let (event, word, now) = (act.event(AuditKind::SigningKeyActivated), algorithm.as_str(), act.now);
    act.store
        .write(|mut tx| {
            let event = event.clone();
            async move {
                let Some(kid) = signing_key::find_next(&mut tx, word, now).await? else { return Ok(None) };
                let retired = signing_key::retire(&mut tx, word, now).await?;
                if !signing_key::activate(&mut tx, &kid, now).await? {
                    // Rolls the retirement back: an algorithm is never without an active key.
                    return Err(KeyLifecycleError::Unusable(format!("the next signing key {kid} vanished")));
                }
                audit::record(&mut tx, &event.detail(&kid)).await?;
                change_log::append(&mut tx, Change::SigningKeysChanged(&kid), now).await?;
                Ok(Some(ActivatedKey { kid, retired }))
            }
        })
        .await
}
