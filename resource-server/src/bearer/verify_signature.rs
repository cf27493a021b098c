//! The one place where the signature of a caller's token is looked at.

use super::{guesser::Guesser, not_identified::NotIdentified, principal::PrincipalKey, signature_budget::Payer};
use shared::{
    clock::UnixSeconds,
    protocol::jwt::{JwsProfile, Members, UnverifiedJws, VerificationKeys, VerifiedJws},
};

/// Checks header and signature of `jws`, if whoever sent it may have one more looked at; `claimed` says whose it claims to be, given its claims.
///
/// # Errors
/// [`NotIdentified::Refused`], and [`NotIdentified::Untried`] where nothing was looked at, or only because of the name that the token claims:
/// whoever made it learns nothing of who is known here.
pub fn verify_signature(
    jws: UnverifiedJws<'_>,
    keys: &VerificationKeys,
    profile: &JwsProfile<'_>,
    claimed: impl FnOnce(&Members) -> Option<PrincipalKey>,
    guesser: Option<&Guesser>,
    now: UnixSeconds,
) -> Result<VerifiedJws, NotIdentified> {
    let Some(Guesser { signatures, block, .. }) = guesser else {
        return jws.verify(keys, profile).map_err(NotIdentified::Refused);
    };
    let payer = signatures.payer(*block, || claimed(jws.claims()), now)?;
    let is_by_name = matches!(payer, Payer::Principal(_));
    let checked = jws.verify(keys, profile);
    signatures.settle(payer, &checked, now);
    checked.map_err(|refusal| if is_by_name { NotIdentified::Untried } else { NotIdentified::Refused(refusal) })
}
