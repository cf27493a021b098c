//! Verifying with an issuer's keys, which may be about to change: a key that is not known yet is looked for.

use super::identify::NotIdentified;
use crate::issuer::jwks::{JwksCache, NoKeys, Snapshot, Unknown};
use shared::{
    clock::UnixSeconds,
    protocol::jwt::{JwtRefusal, VerificationKeys, key_id},
};
use std::sync::Arc;

/// What `check` makes of the token `text` with the keys in `jwks`.
///
/// # Errors
/// [`NotIdentified`]: what `check` refused, a key that was withdrawn, or no usable keys.
pub async fn verify_with_keys<T>(
    jwks: &Arc<JwksCache>,
    text: &str,
    now: UnixSeconds,
    check: impl Fn(&VerificationKeys) -> Result<T, JwtRefusal>,
) -> Result<T, NotIdentified> {
    let check = |snapshot: &Snapshot| snapshot.keys.as_ref().ok_or(JwtRefusal::UnknownKid).and_then(&check);
    let not_now = |NoKeys| NotIdentified::NotNow;
    let snapshot = jwks.keys().await.map_err(not_now)?;
    let first = check(&snapshot);
    let Err(JwtRefusal::UnknownKid) = first else { return first.map_err(NotIdentified::Refused) };
    let kid = key_id(text).unwrap_or_default();
    let unknown = NotIdentified::Refused(JwtRefusal::UnknownKid);
    match jwks.look_for(&kid, &snapshot, now).await.map_err(not_now)? {
        Unknown::Newer(newer) => match check(&newer) {
            // It may have gone with that very fetch.
            Err(JwtRefusal::UnknownKid) => {
                let withdrawn = newer.was_withdrawn(&kid, now).map_err(not_now)?;
                Err(if withdrawn { NotIdentified::WithdrawnKey } else { unknown })
            }
            decided => decided.map_err(NotIdentified::Refused),
        },
        Unknown::Withdrawn => Err(NotIdentified::WithdrawnKey),
        Unknown::Nonsense => Err(unknown),
    }
}
