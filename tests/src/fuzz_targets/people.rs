//! What people type.

use auth_server::users::Email;
use auth_server::users::email::EMAIL_MAX_BYTES;
use auth_server::users::password_rules::{check_password, normalized};
use http::HeaderValue;

/// Bytes are an address as somebody typed it.
pub(super) fn email(bytes: &[u8]) {
    let Some(typed) = super::text(bytes) else { return };
    let Ok(email) = Email::parse(typed) else { return };
    assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email), "it reads back");
    assert_eq!(email.as_str(), typed.trim());
    assert!(email.as_str().len() <= EMAIL_MAX_BYTES);
    assert_eq!(email.as_str().matches('@').count(), 1);
    assert!(HeaderValue::from_str(email.as_str()).is_ok(), "nothing in it ends a line");
    let shouted = Email::parse(&email.as_str().to_ascii_uppercase()).expect("case is no matter");
    assert_eq!(shouted.key(), email.key(), "two accounts never differ in case alone");
}

/// Lines: an address and a password.
pub(super) fn password(bytes: &[u8]) {
    let Some([address, password]) = super::lines(bytes) else { return };
    let Ok(email) = Email::parse(address).or_else(|_| Email::parse("ada@example.com")) else { return };
    if check_password(password, &email, "Ada").is_ok() {
        let password = normalized(password);
        assert!(password.chars().count() >= 15, "long enough");
        assert!(!password.to_lowercase().contains(email.key()), "not the address");
        let mut different: Vec<char> = password.to_lowercase().chars().collect();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 2, "not one key held down");
    }
}
