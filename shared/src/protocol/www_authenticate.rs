//! The `WWW-Authenticate` challenge of a protected resource: RFC 6750 §3, RFC 9728 §5.1, RFC 9110 §11.6.1.
//!
//! Written for parsers as they are: the scheme is spelled `Bearer` and stands first, every value is quoted, and no scope holds a comma.

use super::{error_code::ErrorCode, scope::ScopeSet};
use std::fmt;

/// Realm of a challenge that says nothing else (RFC 6750 §3 wants at least one parameter).
const DEFAULT_REALM: &str = "postern";
/// More challenges than this in one header are not read.
const CHALLENGES_MAX_COUNT: usize = 16;
/// More parameters than this in one challenge are not read.
const PARAMETERS_MAX_COUNT: usize = 32;

/// One `Bearer` challenge; its `Display` is the header's value, always visible ASCII.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    realm: Option<String>,
    error: Option<ErrorCode>,
    error_description: Option<&'static str>,
    resource_metadata: Option<String>,
    scope: Option<ScopeSet>,
}

impl Challenge {
    /// For a request that carried no token: it names no error (RFC 6750 §3.1).
    pub fn without_token() -> Self {
        Self::default()
    }

    /// For a request whose token was refused; `description` is a constant sentence for developers.
    pub fn refused(error: ErrorCode, description: &'static str) -> Self {
        Self { error: Some(error), error_description: Some(description), ..Self::default() }
    }

    /// Names the realm (RFC 9110 §11.5).
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Where the metadata of the protected resource is (RFC 9728 §5.1). The URL must not echo a query of the request.
    #[must_use]
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.resource_metadata = Some(url.into());
        self
    }

    /// Every scope that the operation needs (RFC 6750 §3). Scopes that hold a comma are left out: clients would split them.
    #[must_use]
    pub fn scope(mut self, scope: &ScopeSet) -> Self {
        self.scope =
            Some(scope.iter().filter(|token| !token.contains(',')).collect()).filter(|set: &ScopeSet| !set.is_empty());
        self
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fallback = self.error.is_none() && self.resource_metadata.is_none() && self.scope.is_none();
        let realm = self.realm.as_deref().or(fallback.then_some(DEFAULT_REALM));
        let scope = self.scope.as_ref().map(ToString::to_string);
        let parameters = [
            ("realm", realm),
            ("error", self.error.map(ErrorCode::as_str)),
            ("error_description", self.error_description),
            ("resource_metadata", self.resource_metadata.as_deref()),
            ("scope", scope.as_deref()),
        ];
        let mut separator = "Bearer ";
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            write!(f, "{separator}{name}=\"")?;
            write_quoted(f, value)?;
            f.write_str("\"")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// The inside of a quoted-string (RFC 9110 §5.6.4); what is not visible ASCII or a space becomes `?`.
fn write_quoted(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    use fmt::Write as _;
    for character in value.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            ' '..='~' => f.write_char(character)?,
            _ => f.write_char('?')?,
        }
    }
    Ok(())
}

/// A challenge as read from a header; any scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedChallenge {
    /// As written; schemes compare without case (RFC 9110 §11.1).
    pub scheme: String,
    /// In the order sent; names lower-cased.
    pub parameters: Vec<(String, String)>,
    /// The other form of a challenge, as in `Negotiate YIIB…==`.
    pub token68: Option<String>,
}

impl ParsedChallenge {
    /// The first parameter of this (lower-case) name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one header's value (RFC 9110 §11.6.1); `None` when it is malformed, repeats a parameter or is unreasonably long.
pub fn parse(header: &str) -> Option<Vec<ParsedChallenge>> {
    let mut rest = Scanner(header);
    let mut challenges: Vec<ParsedChallenge> = Vec::new();
    loop {
        rest.skip(|b| matches!(b, b' ' | b'\t' | b','));
        if rest.0.is_empty() {
            return (!challenges.is_empty()).then_some(challenges);
        }
        let before = rest.0;
        let word = rest.token()?;
        if let (Some(value), Some(last)) = (rest.parameter_value()?, challenges.last_mut()) {
            let name = word.to_ascii_lowercase();
            let full = last.parameters.len() == PARAMETERS_MAX_COUNT;
            if full || last.token68.is_some() || last.parameter(&name).is_some() {
                return None;
            }
            last.parameters.push((name, value));
        } else {
            rest.0 = &before[word.len()..];
            if challenges.len() == CHALLENGES_MAX_COUNT || !(rest.0.is_empty() || rest.0.starts_with([' ', ','])) {
                return None;
            }
            challenges.push(ParsedChallenge { scheme: word.to_owned(), parameters: vec![], token68: rest.token68() });
        }
        rest.skip(|b| matches!(b, b' ' | b'\t'));
        let after_scheme = challenges.last().is_some_and(|last| last.parameters.is_empty() && last.token68.is_none());
        if !(after_scheme || rest.0.is_empty() || rest.0.starts_with(',')) {
            return None;
        }
    }
}

struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        // Every wanted byte is ASCII, so the cut falls between characters.
        let length = self.0.bytes().take_while(|b| b.is_ascii() && wanted(*b)).count();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        self.take(wanted);
    }

    /// RFC 9110 §5.6.2.
    fn token(&mut self) -> Option<&'a str> {
        let taken = self.take(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        (!taken.is_empty()).then_some(taken)
    }

    /// `BWS "=" BWS ( token / quoted-string )`; `Some(None)` when there is no such thing here, `None` when it is malformed.
    #[expect(clippy::option_option, reason = "absent and malformed differ")]
    fn parameter_value(&mut self) -> Option<Option<String>> {
        let mut ahead = Scanner(self.0);
        ahead.skip(|b| matches!(b, b' ' | b'\t'));
        let Some(after) = ahead.0.strip_prefix('=') else { return Some(None) };
        let mut ahead = Scanner(after);
        ahead.skip(|b| matches!(b, b' ' | b'\t'));
        let value = match ahead.0.strip_prefix('"') {
            Some(inside) => {
                ahead.0 = inside;
                ahead.quoted_string()?
            }
            None => ahead.token()?.to_owned(),
        };
        self.0 = ahead.0;
        Some(Some(value))
    }

    /// What follows the opening quote, up to and with the closing one.
    fn quoted_string(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[index + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }

    /// `1*SP token68` that ends the challenge (RFC 9110 §11.2).
    fn token68(&mut self) -> Option<String> {
        let mut ahead = Scanner(self.0.strip_prefix(' ')?.trim_start_matches(' '));
        let begin = ahead.0;
        let body = ahead.take(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b)).len();
        let whole = body + ahead.take(|b| b == b'=').len();
        ahead.skip(|b| matches!(b, b' ' | b'\t'));
        if body == 0 || !(ahead.0.is_empty() || ahead.0.starts_with(',')) {
            return None;
        }
        self.0 = ahead.0;
        Some(begin[..whole].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Challenge, parse};
    use crate::protocol::{error_code::ErrorCode, scope::ScopeSet};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn without_a_token_no_error_is_named() {
        let scope: ScopeSet = "mcp.write mcp.read".parse().expect("scopes");
        let challenge = Challenge::without_token().resource_metadata("https://m.example/.well-known/x").scope(&scope);
        assert_eq!(
            challenge.to_string(),
            r#"Bearer resource_metadata="https://m.example/.well-known/x", scope="mcp.read mcp.write""#
        );
        assert_eq!(Challenge::without_token().to_string(), r#"Bearer realm="postern""#);
    }

    #[test]
    fn a_refusal_names_code_and_description() {
        let scope: ScopeSet = "a,b ok".parse().expect("scopes");
        let challenge = Challenge::refused(ErrorCode::InsufficientScope, "More scope is needed.").scope(&scope);
        assert_eq!(
            challenge.to_string(),
            r#"Bearer error="insufficient_scope", error_description="More scope is needed.", scope="ok""#
        );
        let only_comma: ScopeSet = "a,b".parse().expect("scopes");
        assert_eq!(Challenge::without_token().scope(&only_comma).to_string(), r#"Bearer realm="postern""#);
    }

    #[test]
    fn header_injection_is_escaped() {
        let text = Challenge::without_token().realm("a\"b\\c\r\nSet-Cookie: é").to_string();
        assert_eq!(text, r#"Bearer realm="a\"b\\c??Set-Cookie: ?""#);
    }

    #[test]
    fn reads_several_challenges_in_one_header() {
        let parsed =
            parse(r#"Negotiate a1b2==, Bearer realm = "x, y", Scope=a ,, DPoP algs="ES256", Basic"#).expect("read");
        let schemes: Vec<_> = parsed.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["Negotiate", "Bearer", "DPoP", "Basic"]);
        assert_eq!(parsed[0].token68.as_deref(), Some("a1b2=="));
        assert_eq!(parsed[1].parameter("realm"), Some("x, y"));
        assert_eq!(parsed[1].parameter("scope"), Some("a"));
        assert_eq!(parsed[2].parameter("algs"), Some("ES256"));
    }

    #[test]
    fn malformed_headers_are_not_read() {
        for bad in [
            "",
            " , ",
            "Bearer a=\"x",
            "Bearer a=\"x\\",
            "Bearer a=b c=d",
            "Bearer a=b, a=c",
            "=x",
            "Bearer é",
            "Bea\u{7}",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>(), more in "[ -~]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("Bearer {more}"));
        }

        #[test]
        fn what_is_written_reads_back(realm in "[ -~]{0,40}", url in "[ -~]{0,40}") {
            let text = Challenge::refused(ErrorCode::InvalidToken, "Expired.").realm(realm.clone()).resource_metadata(url.clone()).to_string();
            prop_assert!(text.starts_with("Bearer "));
            let parsed = parse(&text).expect("own challenge");
            prop_assert_eq!(parsed.len(), 1);
            prop_assert_eq!(parsed[0].parameter("realm"), Some(realm.as_str()));
            prop_assert_eq!(parsed[0].parameter("resource_metadata"), Some(url.as_str()));
            prop_assert_eq!(parsed[0].parameter("error"), Some("invalid_token"));
        }
    }
}
