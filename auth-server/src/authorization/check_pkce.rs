//! PKCE (RFC 7636 §4.3) with `S256`, for every client (OAuth 2.1 §4.1.1).

use super::Refusal;
use crate::parameters::Parameters;
use shared::protocol::pkce;

/// Refuses a missing or malformed challenge and every method but `S256`; a missing method means `plain`.
pub(super) fn check_pkce(parameters: &Parameters) -> Result<(), Refusal> {
    let challenge = parameters
        .get("code_challenge")
        .ok_or(Refusal::invalid_request("code_challenge is missing: PKCE with S256 is required."))?;
    if parameters.get("code_challenge_method") != Some(pkce::METHOD_S256) {
        return Err(Refusal::invalid_request("code_challenge_method must be S256."));
    }
    pkce::check_challenge(challenge)
        .map_err(|_| Refusal::invalid_request("code_challenge must be 43 characters of base64url."))
}
