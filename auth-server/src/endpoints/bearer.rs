//! The `Authorization` header of a request that brings a bearer token (RFC 6750 §2.1).

use http::{HeaderMap, header};

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// There is none, or one of another scheme.
    Nothing,
    /// Two headers, or one that is no text: which of them counts, others may judge otherwise.
    Malformed,
    /// The whole value, scheme and all.
    Header(&'a str),
}

impl<'a> Bearer<'a> {
    /// Reads it.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let is_bearer = |text: &str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        match (values.next().map(|value| value.to_str()), values.next()) {
            (_, Some(_)) | (Some(Err(_)), None) => Self::Malformed,
            (Some(Ok(text)), None) if is_bearer(text) => Self::Header(text),
            (Some(Ok(_)) | None, None) => Self::Nothing,
        }
    }

    /// The token, where there is one.
    pub(super) fn token(self) -> Option<&'a str> {
        match self {
            Self::Header(text) => text.get(7..).map(str::trim),
            Self::Nothing | Self::Malformed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bearer;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn one_header_of_the_scheme_is_a_token() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
            }
            let bearer = Bearer::of(&headers);
            (bearer == Bearer::Malformed, bearer.token().map(str::to_owned))
        };
        assert_eq!(of(&["bEaReR  abc "]), (false, Some("abc".to_owned())));
        for nothing in [&[][..], &["Basic abc"], &["Bearer"], &["bear"]] {
            assert_eq!(of(nothing), (false, None), "{nothing:?}");
        }
        for malformed in [&["Bearer a", "Bearer a"][..], &["Bearer \u{e9}"], &["Basic a", "Bearer b"]] {
            assert_eq!(of(malformed), (true, None), "{malformed:?}");
        }
    }
}
