//! What may be a password: NIST SP 800-63B-4 §3.1.1.2 – long enough, not obvious, no rules about kinds of characters.

use super::Email;

/// Fewer characters than this are no password.
pub const PASSWORD_MIN_CHARACTERS: usize = 12;
/// More characters than this are refused.
pub const PASSWORD_MAX_CHARACTERS: usize = 128;
/// More bytes than this are refused before anything looks at them: four bytes a character.
pub const PASSWORD_MAX_BYTES: usize = 4 * PASSWORD_MAX_CHARACTERS;
/// A password of fewer different characters than this is a pattern.
const MIN_DIFFERENT_CHARACTERS: usize = 5;

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Fewer than [`PASSWORD_MIN_CHARACTERS`].
    #[error("Use at least 12 characters; a few words are easier to remember than symbols.")]
    TooShort,
    /// More than [`PASSWORD_MAX_CHARACTERS`].
    #[error("Use at most 128 characters.")]
    TooLong,
    /// On every attacker's list, a repetition, or a row of keys.
    #[error("This is one of the first passwords anybody would try. Choose another one.")]
    Obvious,
    /// It contains the account's own address.
    #[error("Choose a password that does not contain the e-mail address.")]
    ContainsEmail,
}

/// What people make passwords of when asked for twelve characters: a word from here, filled up with digits and signs.
const OBVIOUS_WORDS: [&str; 40] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "pa55word",
    "motdepasse",
    "contrasena",
    "qwerty",
    "qwertz",
    "azerty",
    "asdfgh",
    "yxcvbn",
    "zxcvbn",
    "letmein",
    "welcome",
    "willkommen",
    "admin",
    "administrator",
    "changeme",
    "secret",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "superman",
    "batman",
    "trustno1",
    "sunshine",
    "princess",
    "starwars",
    "whatever",
    "master",
    "hello",
    "login",
    "default",
    "guest",
    "postern",
    "test",
];
/// Rows that fingers follow.
const ROWS: [&str; 7] = [
    "abcdefghijklmnopqrstuvwxyz",
    "012345678901234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];

/// Refuses what cannot be a password of the account `email`.
///
/// # Errors
/// The [`PasswordProblem`], whose text is for the person who chose it.
pub fn check_password(password: &str, email: &Email) -> Result<(), PasswordProblem> {
    if password.len() > PASSWORD_MAX_BYTES || password.chars().count() > PASSWORD_MAX_CHARACTERS {
        return Err(PasswordProblem::TooLong);
    }
    if password.chars().count() < PASSWORD_MIN_CHARACTERS {
        return Err(PasswordProblem::TooShort);
    }
    let lower = password.to_lowercase();
    if is_obvious(&lower) {
        return Err(PasswordProblem::Obvious);
    }
    let local = email.key().split('@').next().unwrap_or_default();
    if lower.contains(email.key()) || (local.chars().count() >= 4 && is_filled_up(&lower, local)) {
        return Err(PasswordProblem::ContainsEmail);
    }
    Ok(())
}

fn is_obvious(lower: &str) -> bool {
    let different: std::collections::BTreeSet<char> = lower.chars().collect();
    different.len() < MIN_DIFFERENT_CHARACTERS
        || is_repetition(lower)
        || ROWS.iter().any(|row| follows(lower, row))
        || OBVIOUS_WORDS.iter().any(|word| is_filled_up(lower, word))
}

/// Whether `text` is one part again and again (`abcd1abcd1abcd1`).
fn is_repetition(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=characters.len() / 2).any(|period| characters.iter().zip(characters.iter().skip(period)).all(|(a, b)| a == b))
}

/// Whether `text`, or what is left of it without digits and signs around, runs along `row`, forwards or backwards.
fn follows(text: &str, row: &str) -> bool {
    let letters = text.trim_matches(|c: char| !c.is_alphabetic());
    [text, letters].into_iter().filter(|part| part.len() >= MIN_DIFFERENT_CHARACTERS).any(|part| {
        let backwards: String = part.chars().rev().collect();
        row.contains(part) || row.contains(&backwards)
    })
}

/// Whether nothing is left of `text` without `word` but digits, signs and few letters.
fn is_filled_up(text: &str, word: &str) -> bool {
    if !text.contains(word) {
        return false;
    }
    let rest = text.replace(word, "");
    rest.chars().filter(|c| c.is_alphabetic()).count() < 4
}

#[cfg(test)]
mod tests {
    use super::{PasswordProblem, check_password};
    use crate::users::Email;

    fn check(password: &str) -> Result<(), PasswordProblem> {
        check_password(password, &Email::parse("lovelace@example.com").unwrap())
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(check("kurz zwölf!"), Err(PasswordProblem::TooShort));
        assert_eq!(check("schöne grüße"), Ok(()));
        assert_eq!(check("žluťoučký kůň úpěl"), Ok(()));
        let long: String = "correct horse battery staple ".chars().cycle().take(129).collect();
        assert_eq!(check(&long), Err(PasswordProblem::TooLong));
        assert_eq!(check(&"𝄞".repeat(200)), Err(PasswordProblem::TooLong));
        let fits: String = (0..128_u8).map(|i| char::from(b'!' + i % 90)).collect();
        assert_eq!(check(&fits), Ok(()));
    }

    #[test]
    fn the_obvious_is_refused() {
        for password in [
            "password1234",
            "Password123!",
            "P@ssw0rd2026!",
            "qwertyuiop123",
            "qwertyuiopas",
            "123456789012",
            "098765432109",
            "aaaaaaaaaaaa",
            "abababababab",
            "abcdefghijkl",
            "1q2w3e4r5t6y",
            "adminadmin12",
            "administrator1",
            "letmein12345",
            "hunterhunter",
            "welcome2026!",
            "postern-2026",
            "testtesttest",
        ] {
            assert_eq!(check(password), Err(PasswordProblem::Obvious), "{password}");
        }
    }

    #[test]
    fn the_own_address_is_refused() {
        assert_eq!(check("lovelace@example.com"), Err(PasswordProblem::ContainsEmail));
        assert_eq!(check("Lovelace2026!"), Err(PasswordProblem::ContainsEmail));
    }

    #[test]
    fn phrases_pass_whatever_their_characters() {
        for password in [
            "correct horse battery",
            "my dragon eats turnips",
            "lovelace wrote notes",
            "zuckerwatte im regen",
            "🐴🔋🧷 correct one",
        ] {
            assert_eq!(check(password), Ok(()), "{password}");
        }
    }
}
