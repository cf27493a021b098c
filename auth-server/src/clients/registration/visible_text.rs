//! Which characters a name for people may not have: those that are not seen, and those that move the others.

/// Whether `text` is one line that shows what it is: nothing in it is invisible, breaks the line or turns the writing.
/// Joiners and the choice of an emoji's look pass behind a character that they can alter.
pub(super) fn is_visible(text: &str) -> bool {
    let mut last = None;
    for c in text.chars() {
        let alters = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}');
        let may_alter = |last: char| !last.is_ascii() && !last.is_whitespace();
        if c.is_control() || (is_unseen(c) && !(alters && last.is_some_and(may_alter))) {
            return false;
        }
        last = (!is_unseen(c)).then_some(c).or(last.filter(|_| c == '\u{fe0f}'));
    }
    text.chars().any(|c| !c.is_whitespace() && !is_unseen(c))
}

/// `Default_Ignorable_Code_Point` (Unicode 16, DerivedCoreProperties), separators of lines and paragraphs, annotation marks, and
/// the two symbols that are drawn as nothing.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::is_visible;

    #[test]
    fn names_of_people_pass() {
        for name in [
            "Claude",
            "Visual Studio Code",
            "Клод",
            "क्‍ष",
            "می\u{200c}خواهم",
            "👩\u{200d}💻 Tools",
            "❤\u{fe0f}\u{200d}🔥",
            "a\u{a0}b",
        ] {
            assert!(is_visible(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_not_seen_does_not() {
        for name in [
            "\u{3164}",
            "\u{200b}",
            "\u{2800}",
            "\u{2800}\u{2800}",
            "\u{a0}\u{3000}",
            "",
            "Cl\u{200b}aude",
            "Claude\u{200d}",
            "Claude\u{fe0f}",
            "\u{200d}",
            "a\u{e0041}",
            "a\u{ad}b",
            "\u{feff}a",
            "a\u{202e}b",
            "a\u{2028}b",
            "a\nb",
            "a\0",
            "й\u{200d}\u{200d}",
        ] {
            assert!(!is_visible(name), "{name:?}");
        }
    }
}
