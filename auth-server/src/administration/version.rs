//! Entity tags (RFC 9110 §8.8.3): which state of a thing somebody saw.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The tag of what is shown.
pub(super) fn of(view: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(view).expect("views have a JSON form");
    format!("\"{}\"", &URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))[..22])
}

/// Whether `If-Match` names `tag`, by strong comparison (RFC 9110 §13.1.1).
pub(super) fn matches(if_match: &str, tag: &str) -> bool {
    if_match.split(',').map(str::trim).any(|each| each == tag || each == "*")
}

#[cfg(test)]
mod tests {
    use super::{matches, of};

    #[test]
    fn a_tag_is_named_exactly_or_by_a_star() {
        let tag = of(&"state");
        assert_ne!(tag, of(&"another state"));
        for named in [tag.clone(), "*".to_owned(), format!("\"x\", {tag}")] {
            assert!(matches(&named, &tag), "{named}");
        }
        for other in [format!("W/{tag}"), tag.trim_matches('"').to_owned(), String::new()] {
            assert!(!matches(&other, &tag), "{other}");
        }
    }
}
