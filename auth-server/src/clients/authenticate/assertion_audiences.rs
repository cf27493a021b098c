//! Whom a client assertion may be for.

use shared::protocol::well_known;
use url::Url;

/// The issuer, the token endpoint, its alias at the root of the origin, and the endpoint at `path` that is called: clients differ in which
/// of them they take (RFC 7523 §3).
pub fn assertion_audiences(issuer: &str, path: &str) -> Vec<String> {
    let origin = Url::parse(issuer).map_or_else(|_| issuer.to_owned(), |url| url.origin().ascii_serialization());
    let (canonical, called) = (format!("{issuer}{}", well_known::TOKEN), format!("{issuer}{path}"));
    vec![issuer.to_owned(), canonical, called, format!("{origin}/token")]
}
