//! Strict parameters of a form body or a query (RFC 6749 §3.1, §3.2, appendix B).
//!
//! A repeated parameter is refused, never silently dropped, except `resource` (RFC 8707 §2), where the resource rules judge.

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use shared::http::OAUTH_BODY_BYTES;
use std::{collections::HashSet, fmt};

/// A larger body or query is refused with 413.
pub const FORM_MAX_BYTES: usize = OAUTH_BODY_BYTES;
/// More parameters than this are refused; a consent form has one for each of up to 100 scopes.
pub const PARAMETERS_MAX_COUNT: usize = 128;
/// The one parameter that may be repeated.
const REPEATABLE: &str = "resource";

/// Why a body or query is no set of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// `Content-Type` is not `application/x-www-form-urlencoded`.
    #[error("the body is not a form")]
    ContentType,
    /// Over [`FORM_MAX_BYTES`].
    #[error("the form is too large")]
    TooLarge,
    /// Over [`PARAMETERS_MAX_COUNT`].
    #[error("the form has too many parameters")]
    TooMany,
    /// A name or value is not UTF-8 after decoding.
    #[error("a parameter is not UTF-8")]
    NotUtf8,
    /// A name or value has U+0000, which no database stores as text alike.
    #[error("a parameter contains U+0000")]
    Nul,
    /// The same name twice.
    #[error("a parameter is repeated")]
    Repeated,
}

/// The parameters of one request. Prints names only: a value may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Parameters {
    /// Reads a form body that was sent with these headers.
    ///
    /// # Errors
    /// Any [`FormError`].
    pub fn from_form(headers: &HeaderMap, body: &[u8]) -> Result<Self, FormError> {
        if !is_form(headers) {
            return Err(FormError::ContentType);
        }
        if body.len() > FORM_MAX_BYTES {
            return Err(FormError::TooLarge);
        }
        Self::parse(std::str::from_utf8(body).map_err(|_| FormError::NotUtf8)?)
    }

    /// Reads the query of a URL, without its `?`; `None` is the empty one.
    ///
    /// # Errors
    /// Any [`FormError`] but [`FormError::ContentType`].
    pub fn from_query(query: Option<&str>) -> Result<Self, FormError> {
        Self::parse(query.unwrap_or_default())
    }

    fn parse(text: &str) -> Result<Self, FormError> {
        if text.len() > FORM_MAX_BYTES {
            return Err(FormError::TooLarge);
        }
        let mut parameters = Vec::new();
        let mut seen = HashSet::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == PARAMETERS_MAX_COUNT {
                return Err(FormError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name != REPEATABLE && !seen.insert(name.clone()) {
                return Err(FormError::Repeated);
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The parameter's value. One sent without a value counts as omitted (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value under this name, in the order sent; only `resource` can have several.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All of them, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether the headers announce a form, and only that.
pub fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let essence = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// WHATWG form decoding, but strict about UTF-8.
fn decode(text: &str) -> Result<String, FormError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| FormError::NotUtf8)?;
    if decoded.contains('\0') { Err(FormError::Nul) } else { Ok(decoded.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::{FORM_MAX_BYTES, FormError, PARAMETERS_MAX_COUNT, Parameters};
    use http::{HeaderMap, HeaderValue, header};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn form() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("Application/X-WWW-Form-Urlencoded; charset=UTF-8"));
        headers
    }

    #[test]
    fn reads_a_form_and_treats_empty_as_omitted() {
        let parameters = Parameters::from_form(&form(), b"a=1+2&b=%C3%A9&c=&resource=x&resource=y&d").expect("form");
        assert_eq!(parameters.get("a"), Some("1 2"));
        assert_eq!(parameters.get("b"), Some("é"));
        assert_eq!(parameters.get("c"), None);
        assert_eq!(parameters.get("d"), None);
        assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(format!("{parameters:?}"), r#"["a", "b", "c", "resource", "resource", "d"]"#);
    }

    #[test]
    fn a_repeated_parameter_is_refused_even_when_empty_or_encoded() {
        for text in ["scope=a&scope=b", "scope=a&scope=", "scope=a&%73cope=b"] {
            assert_eq!(Parameters::from_query(Some(text)), Err(FormError::Repeated), "{text}");
        }
    }

    #[test]
    fn limits_and_encodings_are_enforced() {
        let many = vec!["resource=a"; PARAMETERS_MAX_COUNT + 1].join("&");
        assert_eq!(Parameters::from_query(Some(&many)), Err(FormError::TooMany));
        let large = "a".repeat(FORM_MAX_BYTES + 1);
        assert_eq!(Parameters::from_query(Some(&large)), Err(FormError::TooLarge));
        assert_eq!(Parameters::from_form(&form(), large.as_bytes()), Err(FormError::TooLarge));
        assert_eq!(Parameters::from_query(Some("a=%FF")), Err(FormError::NotUtf8));
        assert_eq!(Parameters::from_form(&form(), b"a=\xff"), Err(FormError::NotUtf8));
        for nul in ["a=b%00", "a%00=b", "resource=%00"] {
            assert_eq!(Parameters::from_query(Some(nul)), Err(FormError::Nul), "{nul}");
        }
        assert_eq!(Parameters::from_query(None), Ok(Parameters::default()));
    }

    #[test]
    fn only_forms_are_forms() {
        let mut json = HeaderMap::new();
        assert_eq!(Parameters::from_form(&json, b"a=1"), Err(FormError::ContentType));
        json.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(Parameters::from_form(&json, b"{}"), Err(FormError::ContentType));
        let mut two = form();
        two.append(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        assert_eq!(Parameters::from_form(&two, b"a=1"), Err(FormError::ContentType));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = Parameters::from_form(&form(), &bytes);
        }

        #[test]
        fn what_is_encoded_reads_back(name in "[a-z]{1,8}", value in any::<String>()) {
            let text: String = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let parameters = Parameters::from_query(Some(&text));
            if value.contains('\0') {
                prop_assert_eq!(parameters, Err(FormError::Nul));
            } else {
                let parameters = parameters.expect("own encoding");
                prop_assert_eq!(parameters.get(&name).unwrap_or_default(), value);
            }
        }
    }
}
