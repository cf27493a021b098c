//! What may be a password: NIST SP 800-63B-4 §3.1.1.2 – long enough, not obvious, no rules about kinds of characters.

use super::Email;
use std::{collections::BTreeSet, sync::LazyLock};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Fewer characters than this are no password: it is the only factor.
pub const PASSWORD_MIN_CHARACTERS: usize = 15;
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
    #[error("Use at least 15 characters; a few words are easier to remember than symbols.")]
    TooShort,
    /// More than [`PASSWORD_MAX_CHARACTERS`].
    #[error("Use at most 128 characters.")]
    TooLong,
    /// On every attacker's list, a repetition, or a row of keys.
    #[error("This is one of the first passwords anybody would try. Choose another one.")]
    Obvious,
    /// It is made of the account's own name or address.
    #[error("Choose a password that is not made of the name or the e-mail address.")]
    ContainsName,
    /// It is the one that is to be replaced.
    #[error("This is the password you have. Choose another one.")]
    Unchanged,
}

/// What people choose when many characters are asked for, as letters alone.
static COMMON: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with('#'));
    let letters = lines.map(|line| line.chars().filter(|c| c.is_alphabetic()).collect::<String>());
    letters.filter(|letters| letters.chars().count() >= MIN_LETTERS_LEFT).collect()
});
/// Fewer letters than this beside a word that everybody guesses add nothing.
const MIN_LETTERS_LEFT: usize = 4;
/// A part of a name with fewer letters stands in too many other words.
const MIN_NAME_LETTERS: usize = 2;
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

/// The password as it is counted, judged and hashed: the same characters typed on another keyboard are the same password (NFKC).
pub fn normalized(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfkc().collect())
}

/// Refuses what cannot be a password of the account `email` of somebody called `display_name`.
///
/// # Errors
/// The [`PasswordProblem`], whose text is for the person who chose it.
pub fn check_password(password: &str, email: &Email, display_name: &str) -> Result<(), PasswordProblem> {
    if password.len() > PASSWORD_MAX_BYTES {
        return Err(PasswordProblem::TooLong);
    }
    let password = normalized(password);
    match password.chars().count() {
        ..PASSWORD_MIN_CHARACTERS => return Err(PasswordProblem::TooShort),
        PASSWORD_MIN_CHARACTERS..=PASSWORD_MAX_CHARACTERS => {}
        _ => return Err(PasswordProblem::TooLong),
    }
    let lower = Zeroizing::new(password.to_lowercase());
    // The name first: of "lovelacelovelace" that tells Ada Lovelace more than that it repeats.
    let names = names_of(email, display_name);
    if readings(&lower).iter().any(|reading| is_made_of_names(reading, &names)) || lower.contains(email.key()) {
        return Err(PasswordProblem::ContainsName);
    }
    if is_obvious(&lower) { Err(PasswordProblem::Obvious) } else { Ok(()) }
}

fn is_obvious(lower: &str) -> bool {
    let different: BTreeSet<char> = lower.chars().collect();
    different.len() < MIN_DIFFERENT_CHARACTERS
        || is_repetition(lower)
        || ROWS.iter().any(|row| follows(lower, row))
        || readings(lower).iter().any(|reading| is_made_of_common(reading))
}

/// What can be known of the person: the parts of the address and of the name, as letters alone, the longest first.
fn names_of(email: &Email, display_name: &str) -> Vec<String> {
    let name = display_name.to_lowercase();
    let parts = [email.key(), &name].into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let letters = parts.map(|part| part.chars().filter(|c| c.is_alphabetic()).collect::<String>());
    let mut names: Vec<String> = letters.filter(|letters| letters.chars().count() >= MIN_NAME_LETTERS).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names
}

/// The letters of a text, and the letters when digits and signs are read as the letters that they stand for.
fn readings(lower: &str) -> [Zeroizing<String>; 2] {
    let read = |c: char| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    let plain = lower.chars().filter(|c| c.is_alphabetic()).collect();
    [plain, lower.chars().map(read).filter(|c| c.is_alphabetic()).collect()].map(Zeroizing::new)
}

/// Whether hardly a letter is left of `reading` without all of `names`, and perhaps a word that everybody guesses.
fn is_made_of_names(reading: &str, names: &[String]) -> bool {
    let whole = Zeroizing::new(reading.to_owned());
    let rest = names.iter().fold(whole, |rest, name| without(&rest, name));
    *rest != reading && (is_nearly_empty(&rest) || COMMON.iter().any(|word| is_nearly_empty(&without(&rest, word))))
}

/// Whether hardly a letter is left of `reading` without one or two of the words that everybody guesses.
fn is_made_of_common(reading: &str) -> bool {
    COMMON.iter().filter(|word| reading.contains(word.as_str())).any(|word| {
        let rest = without(reading, word);
        is_nearly_empty(&rest) || COMMON.iter().any(|other| is_nearly_empty(&without(&rest, other)))
    })
}

/// `text` without `word`, however often it stands there.
fn without(text: &str, word: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace(word, " "))
}

fn is_nearly_empty(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() < MIN_LETTERS_LEFT
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

#[cfg(test)]
mod tests {
    use super::{COMMON, PasswordProblem, check_password, normalized};
    use crate::users::Email;

    fn check(password: &str) -> Result<(), PasswordProblem> {
        check_password(password, &Email::parse("lovelace@notes.example").unwrap(), "Ada Byron-King")
    }

    #[test]
    fn length_counts_characters_as_they_are_hashed() {
        assert_eq!(check("kurz und zwölf!"), Ok(()), "15");
        assert_eq!(check("kurz und zwölf"), Err(PasswordProblem::TooShort));
        assert_eq!(check("žluťoučký kůň úpěl"), Ok(()));
        let long: String = "a horse a battery a staple ".chars().cycle().take(129).collect();
        assert_eq!(check(&long), Err(PasswordProblem::TooLong));
        assert_eq!(check(&"𝄞".repeat(200)), Err(PasswordProblem::TooLong));
        let fits: String = (0..128_u8).map(|i| char::from(b'!' + i % 90)).collect();
        assert_eq!(check(&fits), Ok(()));
        // One character when composed: 15 decomposed ones are fewer.
        assert_eq!(check("e\u{301}u\u{308}o\u{308}a\u{308}i\u{308}n\u{303}c\u{327}xy"), Err(PasswordProblem::TooShort));
        // One character on the keyboard, many when normalised: `\u{fdfa}` is eighteen.
        assert_eq!(check(&"\u{fdfa}".repeat(8)), Err(PasswordProblem::TooLong));
    }

    #[test]
    fn one_text_is_one_password_however_it_is_typed() {
        let typed = ["zwölf grüße für dich", "zwo\u{308}lf gru\u{308}ße fu\u{308}r dich"];
        assert_eq!(normalized(typed[0]), normalized(typed[1]));
        assert_eq!(normalized("ﬁne ﬁgs").as_str(), "fine figs");
        assert_ne!(normalized("Grüße"), normalized("grüße"), "case counts");
    }

    #[test]
    fn the_obvious_is_refused() {
        for password in [
            "password1234567",
            "Password2026!!!",
            "P@ssw0rdP@ssw0rd",
            "p4$$w0rd-p4$$w0rd",
            "qwertyuiop12345",
            "qwertyuiopasdfgh",
            "123456789012345",
            "098765432109876",
            "aaaaaaaaaaaaaaa",
            "abababababababab",
            "abcdefghijklmnop",
            "1q2w3e4r5t6y7u8i",
            "adminadmin12345",
            "administrator12",
            "letmein12345678",
            "letmeinletmein1",
            "hunterhunter123",
            "welcome2026!!!!",
            "postern-2026-12",
            "posternpassword",
            "testtesttesttest",
            "correct horse battery staple",
            "CorrectHorseBatteryStaple1",
            "I love you forever!",
            "may the force be with you",
            "the quick brown fox",
            "ilovemydog12345",
            "iloveyou princess",
            "Monkey&Dragon99",
            "ｐａｓｓｗｏｒｄ１２３４５６７",
        ] {
            assert_eq!(check(password), Err(PasswordProblem::Obvious), "{password}");
        }
    }

    #[test]
    fn the_own_name_and_address_are_refused() {
        for password in [
            "lovelace@notes.example",
            "lovelace@notes.example is my address",
            "Lovelace2026!!!!",
            "l0v3l4c3-2026-99",
            "lovelacelovelace",
            "ByronKing-181512",
            "lovelacepassword",
            "notes.example.1843",
            "ada byron king lovelace",
            "Byron, Ada: notes!",
            "ada lovelace notes postern",
        ] {
            assert_eq!(check(password), Err(PasswordProblem::ContainsName), "{password}");
        }
        for password in ["lovelace wrote of numbers", "ada and a king count notes"] {
            assert_eq!(check(password), Ok(()), "{password}: as part of something longer they may stand");
        }
    }

    #[test]
    fn phrases_pass_whatever_their_characters() {
        for password in [
            "a horse met a lamp",
            "my dragon eats turnips",
            "zuckerwatte im regen",
            "🐴🔋🧷 lamps in a row",
            "K7#vQ2!mZp9$Lw4x",
            "8395720174659203 plus",
        ] {
            assert_eq!(check(password), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_list_is_of_words_as_they_are_compared() {
        assert!(COMMON.len() > 350, "{}", COMMON.len());
        for word in COMMON.iter() {
            assert!(word.chars().all(|c| c.is_lowercase()) && *normalized(word) == *word, "{word}");
        }
    }
}
