//! `nonce` (OpenID Connect Core §3.1.2.1) is kept with the grant, so it is bounded.

use super::Refusal;
use crate::parameters::Parameters;

const NONCE_MAX_BYTES: usize = 512;

/// Refuses a nonce that is too long.
pub(super) fn check_nonce(parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.get("nonce").is_some_and(|nonce| nonce.len() > NONCE_MAX_BYTES) {
        return Err(Refusal::invalid_request("nonce is too long."));
    }
    Ok(())
}
