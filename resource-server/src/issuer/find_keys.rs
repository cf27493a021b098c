//! The keys to verify a token with, which may be about to change: a key that is not known yet is looked for.

use super::jwks::{JwksCache, NoKeys, Snapshot, Unknown};
use crate::bearer::not_identified::NotIdentified;
use shared::{
    clock::UnixSeconds,
    protocol::jwt::{JwsProfile, JwtRefusal, UnverifiedJws, VerificationKeys, time_claim},
};
use std::sync::Arc;

const UNKNOWN: NotIdentified = NotIdentified::Refused(JwtRefusal::UnknownKid);
/// A fetch that somebody else began, and one of our own.
const LOOKS_MAX: usize = 2;

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
    let mut snapshot = jwks.keys().await.map_err(not_now)?;
    let first = found(&snapshot);
    let Err(JwtRefusal::UnknownKid) = first else { return first.map_err(NotIdentified::Refused) };
    let kid = jws.key_id().unwrap_or_default();
    let issued_at = time_claim(jws.claims(), "iat").ok().flatten();
    for _ in 0..LOOKS_MAX {
        match jwks.look_for(kid, issued_at, &snapshot, now).await.map_err(not_now)? {
            Unknown::Newer(newer) => match found(&newer) {
                Err(JwtRefusal::UnknownKid) => snapshot = newer,
                decided => return decided.map_err(NotIdentified::Refused),
            },
            Unknown::Withdrawn => return Err(NotIdentified::WithdrawnKey),
            Unknown::NotYet => return Err(NotIdentified::NotYet),
            Unknown::Nonsense => break,
        }
        // It may have gone with that very fetch; and a fetch that was under way when this token came says nothing of it.
        if !snapshot.is_older_than(now) {
            let withdrawn = snapshot.was_withdrawn(kid, now).map_err(not_now)?;
            return Err(if withdrawn { NotIdentified::WithdrawnKey } else { UNKNOWN });
        }
    }
    Err(UNKNOWN)
}
