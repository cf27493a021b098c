//! Comparing a presented secret with the stored SHA-256: constant time, and the same work for a client that does not exist.

use super::basic::PresentedSecret;
use shared::protocol::opaque_token::TokenHash;
use subtle::{Choice, ConstantTimeEq as _};

/// Whether the secret, in any of its readings, is the one whose hash is `stored`. Without one it never is.
pub fn matches(stored: Option<&TokenHash>, presented: &PresentedSecret) -> bool {
    let nobody = TokenHash([0; 32]);
    let expected = stored.unwrap_or(&nobody);
    let same = |text: &str| TokenHash::of(text).0.ct_eq(&expected.0);
    let fits = same(presented.raw.expose())
        | presented.decoded.as_ref().map_or(Choice::from(0), |decoded| same(decoded.expose()));
    bool::from(fits & Choice::from(u8::from(stored.is_some())))
}

#[cfg(test)]
mod tests {
    use super::matches;
    use crate::clients::authenticate::basic::PresentedSecret;
    use shared::{protocol::opaque_token::TokenHash, secret::Secret};

    #[test]
    fn either_reading_may_fit_and_nothing_fits_nobody() {
        let stored = TokenHash::of("a b");
        let presented = |raw: &str, decoded: Option<&str>| PresentedSecret {
            raw: Secret::new(raw),
            decoded: decoded.map(Secret::new),
        };
        assert!(matches(Some(&stored), &presented("a b", None)));
        assert!(matches(Some(&stored), &presented("a+b", Some("a b"))));
        assert!(!matches(Some(&stored), &presented("a+b", None)));
        assert!(!matches(None, &presented("a b", Some("a b"))));
    }
}
