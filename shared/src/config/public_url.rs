//! The URL under which the world reaches a server: the only source of every URL we ever emit, byte for byte.

use super::value::{Given, Kind, SettingValue};
use std::fmt;
use url::{Host, Url};

/// An https URL, or an http one on loopback, without trailing slash, query, fragment or user, in the one spelling that
/// URL parsers agree on.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicUrl {
    text: String,
    origin_length: usize,
    loopback: bool,
}

impl PublicUrl {
    /// Takes `text` if it is unambiguous.
    ///
    /// # Errors
    /// What is wrong and how it should be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{text:?} is not a URL ({error})"))?;
        let host = url.host().ok_or_else(|| format!("{text:?} has no host"))?;
        let loopback = is_loopback(&host);
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user name or password in it; remove them".to_owned());
        }
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => {
                return Err(format!(
                    "{text:?} would send tokens in the clear; plain http is for localhost, 127.0.0.1 and [::1] only"
                ));
            }
            _ => return Err(format!("{text:?} is neither https nor http on loopback")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{text:?} has a query or fragment; remove it"));
        }
        let canonical = url.as_str().trim_end_matches('/');
        if text != canonical {
            return Err(format!(
                "{text:?} can be written in more than one way, and clients compare byte by byte; write {canonical:?}"
            ));
        }
        if url.path().contains("//") || url.path().contains('%') || url.path().contains(';') {
            return Err(format!(
                "{text:?} has an empty, escaped or parametrised path segment, which proxies rewrite; use plain segments"
            ));
        }
        let origin_length = url.origin().ascii_serialization().len();
        Ok(Self { text: text.to_owned(), origin_length, loopback })
    }

    /// The URL exactly as configured; an issuer, for instance.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, as browsers send them in `Origin`.
    pub fn origin(&self) -> &str {
        &self.text[..self.origin_length]
    }

    /// Host and, unless it is the default one, port, as clients send them in `Host`.
    pub fn authority(&self) -> &str {
        self.origin().split_once("://").map_or("", |(_, authority)| authority)
    }

    /// What follows the origin: empty, or `/` and segments without a trailing slash.
    pub fn path(&self) -> &str {
        &self.text[self.origin_length..]
    }

    /// This URL followed by `path`, which begins with a slash.
    pub fn join(&self, path: &str) -> String {
        debug_assert!(path.starts_with('/'), "a path begins with a slash");
        format!("{}{path}", self.text)
    }

    /// Whether it is https, so that cookies are `Secure` and HSTS is sent.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        let port = self.authority().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.unwrap_or(if self.is_https() { 443 } else { 80 })
    }
}

/// Whether plain http to this host stays on the machine: `localhost`, 127.0.0.0/8, `[::1]`.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl SettingValue for PublicUrl {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"https://auth.example.com\"";

    fn expected() -> String {
        "an https URL (http on loopback only) without trailing slash, query, fragment or user, such as https://auth.example.com".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        Self::parse(&given.scalar()?)
    }
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    #[test]
    fn keeps_every_byte_and_knows_its_parts() {
        let cases = [
            ("http://localhost:9400", "http://localhost:9400", "localhost:9400", "", 9400, true),
            ("http://127.0.0.1:9400", "http://127.0.0.1:9400", "127.0.0.1:9400", "", 9400, true),
            ("http://[::1]:9500/mcp", "http://[::1]:9500", "[::1]:9500", "/mcp", 9500, true),
            ("http://[::1]", "http://[::1]", "[::1]", "", 80, true),
            ("https://auth.example.com", "https://auth.example.com", "auth.example.com", "", 443, false),
            ("https://example.com:8443/a/b.c", "https://example.com:8443", "example.com:8443", "/a/b.c", 8443, false),
        ];
        for (text, origin, authority, path, port, loopback) in cases {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.origin(), url.authority(), url.path()), (text, origin, authority, path));
            assert_eq!((url.port(), url.is_loopback(), url.is_https()), (port, loopback, text.starts_with("https")));
            assert_eq!(url.join("/oauth2/token"), format!("{text}/oauth2/token"));
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let refused = [
            "",
            "localhost:9400",
            "//host",
            "ftp://example.com",
            "https://",
            "http://example.com",
            "http://10.0.0.1",
            "http://0.0.0.0:9400",
            "http://localhost.example.com",
            "https://example.com/",
            "https://example.com/a/",
            "https://EXAMPLE.com",
            "HTTPS://example.com",
            "https://example.com:443",
            "http://localhost:80",
            "https://example.com?",
            "https://example.com/?a=b",
            "https://example.com#",
            "https://user@example.com",
            "https://:pw@example.com",
            "https://example.com/a/../b",
            "https://example.com//a",
            "https://example.com/%61",
            "https://bücher.example",
            "http://127.1:9400",
            "http://2130706433",
            "https://example.com/a;b",
            "https://example.com\\a",
            "https://example.com ",
            " https://example.com",
        ];
        for text in refused {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn says_how_it_should_be_written_and_never_shows_a_password() {
        assert!(PublicUrl::parse("https://EXAMPLE.com:443/").unwrap_err().contains("\"https://example.com\""));
        assert!(!PublicUrl::parse("https://me:hunter2@example.com").unwrap_err().contains("hunter2"));
    }
}
