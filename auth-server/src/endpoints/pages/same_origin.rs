//! Whether a form was sent from a page of ours. One of two locks: the other is the token in the form.
//!
//! `Sec-Fetch-Site`, which no page can forge and every browser sends since 2023, speaks first, and `Origin` where it is missing: our pages let
//! browsers tell it to ourselves (`Referrer-Policy: same-origin`). Only a page behind a secret link tells nobody where it is, and its form comes
//! with `Origin: null`. What says neither is no browser and has no cookies to abuse.

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

/// Whether a form that was sent to a secret link may have come from the page behind it. Without `Sec-Fetch-Site`, `Origin: null` passes too:
/// whoever made a foreign page send it would have to know the link, which is all that the form is about.
pub(super) fn may_come_from_link(headers: &HeaderMap, issuer: &str) -> bool {
    let is_untold = headers.get(header::ORIGIN).is_some_and(|origin| origin == "null");
    is_same_origin(headers, issuer) || (is_untold && !headers.contains_key(SEC_FETCH_SITE))
}

#[cfg(test)]
mod tests {
    use super::{is_same_origin, may_come_from_link};
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
            let is_old_browser = (site, origin) == (None, Some("null"));
            let of_link = may_come_from_link(&headers, "https://auth.example/t");
            assert_eq!(of_link, expected || is_old_browser, "{site:?} {origin:?}");
        }
    }
}
