//! Whether a form was sent from a page of ours. One of two locks: the other is the token in the form.
//!
//! Our pages send no referrer, and then browsers say `Origin: null` also to ourselves; so `Sec-Fetch-Site`, which no page can forge and every
//! browser sends since 2023, speaks first, and `Origin` where it is missing. What says neither is no browser and has no cookies to abuse.

use http::{HeaderMap, header};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether a form with these headers may have come from a page under `issuer`.
pub fn is_same_origin(headers: &HeaderMap, issuer: &str) -> bool {
    let origin = headers.get(header::ORIGIN).map(|value| value.as_bytes());
    let is_ours = origin.is_some_and(|origin| {
        url::Url::parse(issuer).is_ok_and(|issuer| issuer.origin().ascii_serialization().as_bytes() == origin)
    });
    match (headers.get(SEC_FETCH_SITE).map(|value| value.as_bytes()), origin) {
        (Some(b"same-origin"), None | Some(b"null")) => true,
        (Some(b"same-origin") | None, Some(_)) => is_ours,
        (None, None) => true,
        (Some(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_origin;
    use http::HeaderMap;

    #[test]
    fn only_our_own_pages_and_no_browsers_at_all() {
        for (site, origin, expected) in [
            (Some("same-origin"), Some("null"), true),
            (Some("same-origin"), None, true),
            (Some("same-origin"), Some("https://auth.example"), true),
            (Some("same-origin"), Some("https://evil.example"), false),
            (Some("same-site"), Some("https://auth.example"), false),
            (Some("cross-site"), Some("null"), false),
            (Some("cross-site"), None, false),
            (Some("none"), None, false),
            (None, Some("https://auth.example"), true),
            (None, Some("https://auth.example.evil.example"), false),
            (None, Some("https://auth.example:8443"), false),
            (None, Some("http://auth.example"), false),
            (None, Some("null"), false),
            (None, None, true),
        ] {
            let mut headers = HeaderMap::new();
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            origin.map(|origin| headers.insert("origin", origin.parse().unwrap()));
            assert_eq!(is_same_origin(&headers, "https://auth.example/t"), expected, "{site:?} {origin:?}");
        }
    }
}
