//! Headers of requests and answers.

use std::net::IpAddr;

use auth_server::endpoints::pages::cookie::Cookie;
use auth_server::endpoints::pages::same_origin::is_same_origin;
use auth_server::endpoints::public_document;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use shared::http::{AddressRange, ClientAddress, ClientAddresses};
use shared::protocol::error_code::ErrorCode;
use shared::protocol::scope::ScopeSet;
use shared::protocol::www_authenticate::{self, Challenge};

const ISSUER: &str = "https://auth.example/tenant";

fn headers(name: HeaderName, lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in lines.split('\n').filter_map(|line| HeaderValue::from_str(line).ok()) {
        headers.append(name.clone(), value);
    }
    headers
}

/// Lines are `Cookie` headers.
pub(super) fn cookie(bytes: &[u8]) {
    let Some(lines) = super::text(bytes) else { return };
    for issuer in [ISSUER, "http://localhost:9400"] {
        let cookie = Cookie::session(issuer);
        let sent = headers(header::COOKIE, lines);
        if let Some(value) = cookie.read(&sent) {
            assert!(!value.contains(';') && lines.contains(value));
        } else {
            let mut with_ours = sent.clone();
            let set = cookie.set("postern_bs_x");
            let pair = set.to_str().expect("ASCII").split(';').next().expect("a pair").to_owned();
            with_ours.append(header::COOKIE, pair.parse().expect("a header"));
            assert_eq!(cookie.read(&with_ours), Some("postern_bs_x"), "no other cookie hides ours");
        }
    }
}

/// Lines: the peer, `X-Forwarded-For`, `Forwarded`.
pub(super) fn forwarded(bytes: &[u8]) {
    let Some([peer, by_x, by_rfc]) = super::lines(bytes) else { return };
    let peer: IpAddr = peer.parse().unwrap_or(IpAddr::from([10, 0, 0, 1]));
    let mut sent = headers(HeaderName::from_static("x-forwarded-for"), by_x);
    sent.extend(headers(header::FORWARDED, by_rfc));
    let is_sent = sent.contains_key("x-forwarded-for");
    let nobody = ClientAddresses::new(Vec::new());
    assert_eq!(nobody.resolve(peer, &sent), ClientAddress::new(peer), "nobody is believed");
    let range: AddressRange = "10.0.0.0/8".parse().expect("a range");
    let proxies = ClientAddresses::new(vec![range]);
    let resolved = proxies.resolve(peer, &sent);
    if !range.contains(peer) {
        assert_eq!(resolved, ClientAddress::new(peer), "a stranger is not believed");
    }
    assert_eq!(resolved, ClientAddress::new(resolved.ip()), "one form of each address");
    let claimed = by_x.rsplit(',').next().unwrap_or_default().trim().parse::<IpAddr>();
    if let (true, "", Ok(claimed)) = (is_sent && range.contains(peer), by_rfc, claimed)
        && !range.contains(claimed)
    {
        assert_eq!(resolved, ClientAddress::new(claimed), "what the nearest trusted proxy saw");
    }
}

/// Lines are `If-None-Match` headers; `TAG` stands for the document's own.
pub(super) fn if_none_match(bytes: &[u8]) {
    let Some(lines) = super::text(bytes) else { return };
    let document = json!({ "issuer": ISSUER });
    let fresh = public_document::answer(&document, 300, &HeaderMap::new());
    let tag = fresh.headers()[header::ETAG].to_str().expect("ASCII").to_owned();
    let sent = headers(header::IF_NONE_MATCH, &lines.replace("TAG", &tag));
    let answer = public_document::answer(&document, 300, &sent);
    let values: Vec<&str> = sent.values().filter_map(|value| value.to_str().ok()).collect();
    assert_eq!(answer.headers()[header::ETAG], tag);
    assert_eq!(fresh.headers()[header::CACHE_CONTROL], answer.headers()[header::CACHE_CONTROL]);
    match answer.status() {
        StatusCode::NOT_MODIFIED => {
            assert!(values.iter().any(|value| value.contains(&tag) || value.contains('*')), "it was asked for");
        }
        status => {
            assert_eq!(status, StatusCode::OK);
            let weak = format!("W/{tag}");
            assert!(!values.iter().any(|value| [tag.as_str(), &weak, "*"].contains(&value.trim())), "it is known");
        }
    }
}

/// Lines: `Sec-Fetch-Site` and `Origin`, absent when empty.
pub(super) fn same_origin(bytes: &[u8]) {
    let Some([site, origin]) = super::lines(bytes) else { return };
    let mut sent = HeaderMap::new();
    for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
            sent.insert(name, value);
        }
    }
    if is_same_origin(&sent, ISSUER) {
        let site = sent.get("sec-fetch-site");
        assert!(site.is_none_or(|site| site == "same-origin"), "another site");
        let origin = sent.get("origin");
        let is_ours = origin.is_none_or(|origin| origin == "https://auth.example");
        assert!(is_ours || (origin.is_some_and(|origin| origin == "null") && site.is_some()), "another origin");
    }
}

/// Lines: a header to read, a realm and a URL to write. Our own reader is the second of our writer.
pub(super) fn www_authenticate(bytes: &[u8]) {
    let Some([header, realm, url]) = super::lines(bytes) else { return };
    if let Some(challenges) = www_authenticate::parse(header) {
        assert!(!challenges.is_empty());
        for challenge in &challenges {
            assert!(!challenge.scheme.is_empty() && header.contains(&challenge.scheme));
            assert!(challenge.token68.is_none() || challenge.parameters.is_empty());
            for (name, value) in &challenge.parameters {
                assert_eq!(challenge.parameter(name), Some(value.as_str()), "no parameter is repeated");
                assert_eq!(&name.to_ascii_lowercase(), name);
            }
        }
    }
    let scope: ScopeSet = ["mcp.read", "mcp.write"].into_iter().collect();
    let written = Challenge::refused(ErrorCode::InvalidToken, "The token is \"wrong\".").scope(&scope);
    let written = written.realm(realm).resource_metadata(url).to_string();
    assert!(HeaderValue::from_str(&written).is_ok(), "it is a header");
    let read = www_authenticate::parse(&written).expect("it reads back");
    let visible = |text: &str| text.replace(|c: char| !matches!(c, ' '..='~'), "?");
    assert_eq!((read.len(), read[0].scheme.as_str()), (1, "Bearer"), "nothing in a value begins another challenge");
    assert_eq!(read[0].parameter("realm"), Some(visible(realm).as_str()));
    assert_eq!(read[0].parameter("resource_metadata"), Some(visible(url).as_str()));
    assert_eq!(read[0].parameter("scope"), Some("mcp.read mcp.write"));
    assert_eq!(read[0].parameters.len(), 5);
}
