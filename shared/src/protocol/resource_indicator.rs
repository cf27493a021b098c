//! Resource indicators: RFC 8707 §2, with the equality that real clients need (scheme and host case, default port, one trailing slash).

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    hash::{Hash, Hasher},
};
use url::{Host, Url};

/// Longer indicators are refused.
pub const RESOURCE_MAX_BYTES: usize = 2048;

/// Why a text names no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceIndicatorError {
    /// Not an absolute URI with a host, not visible ASCII, or with `.` and `..` segments.
    #[error("a resource is an absolute URI with a host")]
    Malformed,
    /// RFC 8707 §2 forbids a fragment.
    #[error("a resource has no fragment")]
    Fragment,
    /// A user name or password before the host.
    #[error("a resource names no user")]
    UserInfo,
    /// Neither https nor http on a loopback host.
    #[error("a resource is https, or http on a loopback host")]
    Scheme,
    /// Over [`RESOURCE_MAX_BYTES`].
    #[error("a resource has at most 2048 characters")]
    TooLong,
}

/// The identifier of a protected resource. Equality, order and hash are those of [`ResourceIndicator::canonical`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceIndicator {
    text: String,
    canonical: String,
    origin_bytes: usize,
}

impl ResourceIndicator {
    /// Reads an indicator as a client sends it or an operator registers it.
    ///
    /// # Errors
    /// What is wrong with it; a client is told `invalid_target` for all of them (RFC 8707 §2).
    pub fn parse(text: &str) -> Result<Self, ResourceIndicatorError> {
        if text.len() > RESOURCE_MAX_BYTES {
            return Err(ResourceIndicatorError::TooLong);
        }
        let rest = rest_after_authority(text)?;
        let url = Url::parse(text).map_err(|_| ResourceIndicatorError::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() || text[..text.len() - rest.len()].contains('@') {
            return Err(ResourceIndicatorError::UserInfo);
        }
        let host = url.host().ok_or(ResourceIndicatorError::Malformed)?;
        if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&host)) {
            return Err(ResourceIndicatorError::Scheme);
        }
        let origin = url.origin().ascii_serialization();
        let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        if path.split('/').any(is_dot_segment) {
            return Err(ResourceIndicatorError::Malformed);
        }
        let bare_path = path.strip_suffix('/').unwrap_or(path);
        Ok(Self {
            text: format!("{origin}{path}{query}"),
            canonical: format!("{origin}{bare_path}{query}"),
            origin_bytes: origin.len(),
        })
    }

    /// As given, with scheme and host in lower case and without a default port; a trailing slash stays.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As [`as_str`](Self::as_str), without one trailing slash of the path: what is compared.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Scheme, host and port, as in `https://mcp.example:8443`, without a slash (RFC 6454 §6.2).
    pub fn origin(&self) -> &str {
        &self.canonical[..self.origin_bytes]
    }

    /// Whether it is an origin alone; the registry then takes it for the only resource of that origin.
    pub fn is_bare_origin(&self) -> bool {
        self.canonical.len() == self.origin_bytes
    }
}

/// Whether both texts name the same resource; `false` when one of them names none.
pub fn equivalent(left: &str, right: &str) -> bool {
    match (ResourceIndicator::parse(left), ResourceIndicator::parse(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

/// Path and query as written. The URL parser forgives what an identifier must not contain (other slashes, white space, missing authority),
/// so this looks before it does.
fn rest_after_authority(text: &str) -> Result<&str, ResourceIndicatorError> {
    if text.contains('#') {
        return Err(ResourceIndicatorError::Fragment);
    }
    let uri_character = |b: u8| b.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&b);
    if !text.bytes().all(uri_character) {
        return Err(ResourceIndicatorError::Malformed);
    }
    let (scheme, after) = text.split_once("://").ok_or(ResourceIndicatorError::Malformed)?;
    // In `https:/a://b` the URL parser sees the host `a`.
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(ResourceIndicatorError::Malformed);
    }
    let authority_bytes = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(authority_bytes);
    // The URL parser decodes a host (`h%7B` becomes `h{`, `%31` a digit of an address): one that needs it is no host.
    if authority.is_empty() || authority.contains('%') { Err(ResourceIndicatorError::Malformed) } else { Ok(rest) }
}

fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl PartialEq for ResourceIndicator {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for ResourceIndicator {}

impl Hash for ResourceIndicator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialOrd for ResourceIndicator {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceIndicator {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

impl fmt::Display for ResourceIndicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ResourceIndicator {
    type Error = ResourceIndicatorError;

    fn try_from(text: String) -> Result<Self, ResourceIndicatorError> {
        Self::parse(&text)
    }
}

impl From<ResourceIndicator> for String {
    fn from(resource: ResourceIndicator) -> Self {
        resource.text
    }
}

#[cfg(test)]
mod tests {
    use super::{ResourceIndicator, ResourceIndicatorError, equivalent};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn scheme_host_port_and_one_slash_do_not_matter() {
        for (left, right) in [
            ("https://mcp.example/mcp", "HTTPS://MCP.Example:443/mcp/"),
            ("https://mcp.example", "https://mcp.example/"),
            ("http://localhost:9500/mcp", "http://LOCALHOST:9500/mcp"),
            ("http://[::1]:80/mcp", "http://[0:0:0:0:0:0:0:1]/mcp"),
            ("https://mcp.example/a?x=1", "https://mcp.example/a/?x=1"),
        ] {
            assert!(equivalent(left, right), "{left} {right}");
        }
    }

    #[test]
    fn everything_else_matters() {
        for (left, right) in [
            ("https://mcp.example/mcp", "https://mcp.example/MCP"),
            ("https://mcp.example/mcp", "https://mcp.example/mcp//"),
            ("https://mcp.example/mcp", "https://mcp.example:8443/mcp"),
            ("https://mcp.example/mcp", "https://mcp.example/mcp?"),
            ("https://mcp.example/mcp", "https://mcp.example/m%63p"),
            ("https://localhost/mcp", "http://localhost/mcp"),
            ("https://mcp.example/mcp", "https://mcp.example./mcp"),
            ("nonsense", "nonsense"),
        ] {
            assert!(!equivalent(left, right), "{left} {right}");
        }
    }

    #[test]
    fn parts_are_told_apart() {
        let resource = ResourceIndicator::parse("HTTPS://Mcp.Example:8443/Mcp/").expect("resource");
        assert_eq!(resource.as_str(), "https://mcp.example:8443/Mcp/");
        assert_eq!(resource.canonical(), "https://mcp.example:8443/Mcp");
        assert_eq!(resource.origin(), "https://mcp.example:8443");
        assert!(!resource.is_bare_origin());
        for bare in ["https://mcp.example", "https://mcp.example:443/"] {
            let resource = ResourceIndicator::parse(bare).expect("resource");
            assert!(resource.is_bare_origin());
            assert_eq!(resource.canonical(), "https://mcp.example");
        }
        assert!(!ResourceIndicator::parse("https://mcp.example/?a").expect("resource").is_bare_origin());
    }

    #[test]
    fn what_names_no_resource_is_refused() {
        use ResourceIndicatorError::{Fragment, Malformed, Scheme, TooLong, UserInfo};
        let long = format!("https://mcp.example/{}", "a".repeat(2048));
        for (text, error) in [
            ("", Malformed),
            ("/mcp", Malformed),
            ("mcp.example/mcp", Malformed),
            ("https:mcp.example", Malformed),
            ("https:/mcp.example://other.example/", Malformed),
            ("https:///mcp.example", Malformed),
            ("https://mcp.example\\mcp", Malformed),
            ("https://mcp.example/a b", Malformed),
            (" https://mcp.example/", Malformed),
            ("https://mcp.example/\tmcp", Malformed),
            ("https://mcp.example/a/../b", Malformed),
            ("https://mcp.example/%2E%2e/b", Malformed),
            ("https://mcp.example:99999/", Malformed),
            ("https://h%7B-", Malformed),
            ("https://%6Dcp.example/", Malformed),
            ("http://127.0.0.%31/", Malformed),
            ("http://[::1%25eth0]/", Malformed),
            ("https://mçp.example/", Malformed),
            ("https://mcp.example/#", Fragment),
            ("https://mcp.example/mcp#a", Fragment),
            ("https://user@mcp.example/", UserInfo),
            ("https://user:pass@mcp.example/", UserInfo),
            ("https://@mcp.example/", UserInfo),
            ("http://mcp.example/", Scheme),
            ("http://localhost.example/", Scheme),
            ("http://10.0.0.1/", Scheme),
            ("ftp://mcp.example/", Scheme),
            ("wss://mcp.example/", Scheme),
            (&long, TooLong),
        ] {
            assert_eq!(ResourceIndicator::parse(text).err(), Some(error), "{text}");
        }
        for good in [
            "http://127.0.0.1:9500/mcp",
            "http://127.8.9.1/",
            "http://[::1]/",
            "https://10.0.0.1/",
            "https://m.example/@me",
        ] {
            assert!(ResourceIndicator::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn reads_and_writes_as_a_string() {
        let resource: ResourceIndicator = serde_json::from_str("\"https://MCP.example/mcp\"").expect("resource");
        assert_eq!(serde_json::to_string(&resource).expect("json"), "\"https://mcp.example/mcp\"");
        assert!(serde_json::from_str::<ResourceIndicator>("\"http://mcp.example\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>(), tail in "[ -~]{0,60}") {
            let _ = ResourceIndicator::parse(&text);
            for head in ["https://", "http://localhost", "https://h"] {
                let _ = ResourceIndicator::parse(&format!("{head}{tail}"));
            }
        }

        #[test]
        fn what_is_accepted_is_stable(tail in "[A-Za-z0-9:/?@.%_-]{0,40}") {
            if let Ok(resource) = ResourceIndicator::parse(&format!("https://h{tail}")) {
                let again = ResourceIndicator::parse(resource.as_str()).expect("its own text");
                prop_assert_eq!(again.as_str(), resource.as_str());
                prop_assert!(again == resource);
                prop_assert!(resource.canonical().starts_with(resource.origin()));
            }
        }
    }
}
