//! E-mail addresses as names of accounts.

use unicode_normalization::UnicodeNormalization as _;

/// More bytes than this are no address (RFC 5321 §4.5.3.1.3).
pub const EMAIL_MAX_BYTES: usize = 254;

/// An e-mail address as it was typed, with the key under which it is unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

/// Why a text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct NotAnEmail;

impl Email {
    /// Takes one `@` with something on both sides; spaces around are dropped, inside they are refused, and so is all that has no place in a
    /// header or on a line. Whether the address exists only its owner can tell.
    ///
    /// # Errors
    /// [`NotAnEmail`].
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(NotAnEmail)?;
        let fits = text.len() <= EMAIL_MAX_BYTES && !local.is_empty() && !domain.is_empty();
        let email = Self::stored(text.to_owned());
        // The key too: what looks otherwise may normalise to a sign that has no place here.
        let is_plain = |text: &str| text.chars().filter(|c| *c != '@').all(is_plain) && text.matches('@').count() == 1;
        if fits && is_plain(text) && is_plain(&email.key) { Ok(email) } else { Err(NotAnEmail) }
    }

    /// An address that was parsed when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        let key = key_of(&text);
        Self { text, key }
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Two accounts never differ in case or in the way their characters are typed alone.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Lower case, with every character in its one form (NFKC).
pub(super) fn key_of(text: &str) -> String {
    text.trim().nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

fn is_plain(c: char) -> bool {
    let is_unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_whitespace() && !c.is_control() && !is_unseen && !matches!(c, '@' | '<' | '>' | '"' | ',' | ';' | '\\')
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn the_key_ignores_case_and_space_around() {
        let email = Email::parse("  Ada@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "Ada@Example.COM");
        assert_eq!(email.key(), "ada@example.com");
        assert_eq!(Email::parse("grüße@bücher.example").unwrap().key(), "grüße@bücher.example");
        assert_eq!(Email::parse("root@localhost").unwrap().key(), "root@localhost");
        assert_eq!(Email::parse("gru\u{308}ße@bu\u{308}cher.example").unwrap().key(), "grüße@bücher.example");
        assert_eq!(Email::parse("ＡＤＡ@example.com").unwrap().key(), "ada@example.com");
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long = format!("{}@example.com", "a".repeat(254));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "ada",
            "a@b@c",
            "a b@c",
            "a@b\r\nBcc: d",
            "<a@b>",
            "\"a\"@b",
            "a@b,c",
            "a\u{200b}@b",
            "a@b\u{ff20}c",
            "a\u{2000}@b",
            &long,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }
}
