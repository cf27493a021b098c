//! Opaque tokens: 256 random bits with a readable prefix and a checksum; only their SHA-256 is stored.
//!
//! Form: `<prefix><43 characters of base64url><6 characters of checksum>`, all of `[A-Za-z0-9_-]`, so that the raw and the
//! URL-encoded form are the same (clients differ on how they put a secret into HTTP Basic) and secret scanners know it.

use crate::{random::Random, secret::Secret};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

/// What a token is for; told by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// RFC 6749 §1.3.1.
    AuthorizationCode,
    /// RFC 6749 §1.5.
    RefreshToken,
    /// A generated client secret, RFC 6749 §2.3.1.
    ClientSecret,
    /// The cookie of a signed-in browser.
    BrowserSession,
    /// A one-time link: set-up, password reset.
    OneTimeLink,
    /// What a client manages its registration with, RFC 7592 §1.3.
    RegistrationAccessToken,
}

impl TokenKind {
    /// Every kind there is.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientSecret,
        Self::BrowserSession,
        Self::OneTimeLink,
        Self::RegistrationAccessToken,
    ];

    /// The text every token of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "postern_ac_",
            Self::RefreshToken => "postern_rt_",
            Self::ClientSecret => "postern_cs_",
            Self::BrowserSession => "postern_bs_",
            Self::OneTimeLink => "postern_ol_",
            Self::RegistrationAccessToken => "postern_ra_",
        }
    }
}

/// SHA-256 of a token in plain: what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of any text presented as a token.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

/// A token in plain. Exists only between its making and the response, or between a request and its hash.
#[derive(Debug, Clone)]
pub struct OpaqueToken {
    text: Secret,
    kind: TokenKind,
}

impl OpaqueToken {
    /// A fresh token of 256 random bits.
    pub fn generate(kind: TokenKind, random: &dyn Random) -> Self {
        let mut entropy = crate::random::random_32(random);
        let token = Self::from_entropy(kind, &entropy);
        entropy.zeroize();
        token
    }

    /// The token that carries exactly these bits.
    pub fn from_entropy(kind: TokenKind, entropy: &[u8; 32]) -> Self {
        let mut text = String::with_capacity(kind.prefix().len() + BODY_CHARACTERS + CHECKSUM_CHARACTERS);
        text.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(entropy, &mut text);
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { text: Secret::new(text), kind }
    }

    /// Recognises a token of `kind`; `None` when prefix, alphabet, length or checksum are wrong.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        if text.len() != kind.prefix().len() + BODY_CHARACTERS + CHECKSUM_CHARACTERS || !text.is_ascii() {
            return None;
        }
        let (body, given) = text.split_at(text.len() - CHECKSUM_CHARACTERS);
        let encoded = body.strip_prefix(kind.prefix())?;
        let entropy = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        (entropy.len() == 32 && checksum(body) == given).then(|| Self { text: Secret::new(text), kind })
    }

    /// What it is for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The token in plain, for the response or the cookie that hands it out.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What is stored and looked up.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.text.expose())
    }
}

const BODY_CHARACTERS: usize = 43;
const CHECKSUM_CHARACTERS: usize = 6;

/// Tells a mistyped or foreign string from a token without asking the database; no security rests on it.
fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let mut text = URL_SAFE_NO_PAD.encode(&digest[..5]);
    text.truncate(CHECKSUM_CHARACTERS);
    text
}

#[cfg(test)]
mod tests {
    use super::{OpaqueToken, TokenHash, TokenKind};

    #[test]
    fn a_token_is_recognised_by_kind_and_checksum() {
        let token = OpaqueToken::from_entropy(TokenKind::RefreshToken, &[7; 32]);
        let text = token.expose().to_owned();
        assert!(text.starts_with("postern_rt_"));
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        let parsed = OpaqueToken::parse(TokenKind::RefreshToken, &text).expect("own token");
        assert_eq!(parsed.hash(), TokenHash::of(&text));
        assert!(OpaqueToken::parse(TokenKind::AuthorizationCode, &text).is_none());
        let mut flipped = text.clone().into_bytes();
        flipped[15] = if flipped[15] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).expect("ascii");
        assert!(OpaqueToken::parse(TokenKind::RefreshToken, &flipped).is_none());
        assert!(OpaqueToken::parse(TokenKind::RefreshToken, &text[..text.len() - 1]).is_none());
        assert_eq!(format!("{token:?}").matches(&text[15..]).count(), 0);
    }
}
