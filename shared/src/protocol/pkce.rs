//! Proof Key for Code Exchange, RFC 7636: `S256` and nothing else (OAuth 2.1 §7.5.1; `plain` protects nobody).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The one accepted `code_challenge_method`, RFC 7636 §4.3.
pub const METHOD_S256: &str = "S256";
/// RFC 7636 §4.1: characters of a verifier, at least.
pub const VERIFIER_MIN_CHARACTERS: usize = 43;
/// RFC 7636 §4.1: characters of a verifier, at most.
pub const VERIFIER_MAX_CHARACTERS: usize = 128;
/// RFC 7636 §4.2: 32 bytes of SHA-256 in base64url without padding.
pub const CHALLENGE_CHARACTERS: usize = 43;

/// Why a challenge or verifier is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// Not 43 characters of base64url that say 32 bytes.
    #[error("the code challenge is not the base64url of a SHA-256")]
    Challenge,
    /// Not 43 to 128 characters of `[A-Za-z0-9-._~]`.
    #[error("the code verifier is not 43 to 128 unreserved characters")]
    Verifier,
}

/// Checks the form of a `code_challenge` (RFC 7636 §4.2): the canonical base64url of exactly 32 bytes.
///
/// # Errors
/// [`PkceError::Challenge`].
pub fn check_challenge(challenge: &str) -> Result<(), PkceError> {
    if challenge.len() != CHALLENGE_CHARACTERS {
        return Err(PkceError::Challenge);
    }
    URL_SAFE_NO_PAD.decode(challenge).map(drop).map_err(|_| PkceError::Challenge)
}

/// Checks the form of a `code_verifier` (RFC 7636 §4.1).
///
/// # Errors
/// [`PkceError::Verifier`].
pub fn check_verifier(verifier: &str) -> Result<(), PkceError> {
    let length = VERIFIER_MIN_CHARACTERS..=VERIFIER_MAX_CHARACTERS;
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if length.contains(&verifier.len()) && verifier.bytes().all(unreserved) { Ok(()) } else { Err(PkceError::Verifier) }
}

/// `BASE64URL(SHA256(verifier))`, RFC 7636 §4.2.
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether `verifier` is well formed and belongs to `challenge` (RFC 7636 §4.6), in constant time once the form is right.
pub fn matches(challenge: &str, verifier: &str) -> bool {
    check_verifier(verifier).is_ok() && s256(verifier).as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{PkceError, check_challenge, check_verifier, matches, s256};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn appendix_b_of_rfc_7636() {
        assert_eq!(s256(VERIFIER), CHALLENGE);
        assert_eq!(check_challenge(CHALLENGE), Ok(()));
        assert_eq!(check_verifier(VERIFIER), Ok(()));
        assert!(matches(CHALLENGE, VERIFIER));
        assert!(!matches(CHALLENGE, CHALLENGE));
        assert!(!matches(VERIFIER, VERIFIER), "plain is not offered");
    }

    #[test]
    fn malformed_challenges_are_refused() {
        let padded = format!("{CHALLENGE}=");
        let long = format!("{CHALLENGE}A");
        let plus = CHALLENGE.replace('-', "+");
        // The last character carries two bits that must be zero.
        let dangling = format!("{}N", &CHALLENGE[..42]);
        for bad in ["", "E9", &CHALLENGE[..42], &padded, &long, &plus, &dangling, &"é".repeat(22)] {
            assert_eq!(check_challenge(bad), Err(PkceError::Challenge), "{bad}");
        }
    }

    #[test]
    fn verifiers_keep_length_and_alphabet() {
        assert_eq!(check_verifier(&"~".repeat(43)), Ok(()));
        assert_eq!(check_verifier(&"a".repeat(128)), Ok(()));
        for bad in [String::new(), "a".repeat(42), "a".repeat(129), format!("{} ", "a".repeat(43)), "é".repeat(40)] {
            assert_eq!(check_verifier(&bad), Err(PkceError::Verifier), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>()) {
            let _ = check_challenge(&text);
            prop_assert_eq!(matches(&s256(&text), &text), check_verifier(&text).is_ok());
        }

        #[test]
        fn every_well_formed_verifier_makes_a_well_formed_challenge(text in "[A-Za-z0-9._~-]{43,128}") {
            prop_assert!(check_challenge(&s256(&text)).is_ok());
            prop_assert!(matches(&s256(&text), &text));
        }
    }
}
