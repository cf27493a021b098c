//! Verifying JSON Web Tokens: RFC 7515, RFC 7519, RFC 8725. The only place, beside the keys crate, that names jsonwebtoken.
//!
//! What that library leaves to its callers is done here: the key is chosen by `kid` and bound to one algorithm, `typ` and `crit` are
//! checked, members are unique, claims must be there with one value each, and time is a parameter.

mod access_token;
mod algorithm;
mod assertion_signer;
mod claims;
mod client_assertion;
#[cfg(test)]
mod forge;
mod id_token;
mod jws;
mod members;
mod parsed_key;
mod refusal;
mod security_event;
mod verification_keys;

pub use self::{
    access_token::{
        Audience, Expectation, FUTURE_TOLERANCE_SECONDS, VerifiedAccessToken, read_access_token, verify_access_token,
    },
    assertion_signer::{ASSERTION_LIFETIME_SECONDS, AssertionSigner, AssertionSignerError},
    claims::time_claim,
    client_assertion::{
        ASSERTION_EXPIRY_TOLERANCE_SECONDS, ASSERTION_JTI_MAX_BYTES, ASSERTION_MAX_LIFETIME_SECONDS,
        CLIENT_ASSERTION_TYPE, ClientAssertion, claimed_client_id, verify_client_assertion,
    },
    id_token::{ID_TOKEN_TYP, IdTokenClaims, read_id_token_hint},
    jws::{JWT_MAX_BYTES, JwsProfile, KidRule, UnverifiedJws, VerifiedJws, verify_jws},
    members::Members,
    refusal::JwtRefusal,
    security_event::{VerifiedSecurityEvent, verify_security_event},
    verification_keys::VerificationKeys,
};

/// Makes the stock aws-lc-rs provider the one of this process, for processes without signing keys of their own. Does nothing when a provider
/// is installed already. Only binaries and tests call it.
pub fn install_stock_provider() {
    // An earlier provider stays: every one that Postern installs verifies alike.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
