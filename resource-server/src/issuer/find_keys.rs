//! The keys to verify a token with, which may be about to change: a key that is not known yet is looked for.

use super::jwks::{JwksCache, NoKeys, Snapshot, Unknown};
use crate::bearer::not_identified::NotIdentified;
use shared::{
    clock::UnixSeconds,
    protocol::jwt::{JwsProfile, JwtRefusal, UnverifiedJws, VerificationKeys},
};
use std::sync::Arc;

/// Those of the keys in `jwks` among which is the one that `jws`, whose header is as `profile` wants it, names.
///
/// # Errors
/// [`NotIdentified`]: what is wrong with the header, a key that nobody knows or that was withdrawn, or no usable keys.
pub async fn find_keys(
    jwks: &Arc<JwksCache>,
    jws: &UnverifiedJws<'_>,
    profile: &JwsProfile<'_>,
    now: UnixSeconds,
) -> Result<VerificationKeys, NotIdentified> {
    let found = |snapshot: &Snapshot| {
        let keys = snapshot.keys.as_ref().ok_or(JwtRefusal::UnknownKid)?;
        jws.check_key(keys, profile).map(|()| keys.clone())
    };
    let not_now = |NoKeys| NotIdentified::NotNow;
    let snapshot = jwks.keys().await.map_err(not_now)?;
    let first = found(&snapshot);
    let Err(JwtRefusal::UnknownKid) = first else { return first.map_err(NotIdentified::Refused) };
    let kid = jws.key_id().unwrap_or_default();
    let unknown = NotIdentified::Refused(JwtRefusal::UnknownKid);
    match jwks.look_for(kid, &snapshot, now).await.map_err(not_now)? {
        Unknown::Newer(newer) => match found(&newer) {
            // It may have gone with that very fetch.
            Err(JwtRefusal::UnknownKid) => {
                let withdrawn = newer.was_withdrawn(kid, now).map_err(not_now)?;
                Err(if withdrawn { NotIdentified::WithdrawnKey } else { unknown })
            }
            decided => decided.map_err(NotIdentified::Refused),
        },
        Unknown::Withdrawn => Err(NotIdentified::WithdrawnKey),
        Unknown::Nonsense => Err(unknown),
    }
}
