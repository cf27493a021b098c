//! Where an answer goes, in words that a person can judge.

use crate::clients::redirect_uri;
use url::Url;

/// Who receives what was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A site: the host, with a port that is not the usual one, in ASCII (a look-alike in another script shows as `xn--`).
    Website {
        /// `host` or `host:port`.
        host: String,
    },
    /// Whatever program listens on this computer.
    ThisComputer {
        /// `host:port`.
        host: String,
    },
    /// Whatever app claims a private-use scheme.
    App {
        /// The scheme, without its colon.
        scheme: String,
    },
}

impl Destination {
    /// The destination of a registered redirect URI.
    pub fn of(redirect: &str) -> Self {
        let scheme = || redirect.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let Ok(url) = Url::parse(redirect) else { return Self::App { scheme: scheme() } };
        let is_web = matches!(url.scheme(), "https" | "http");
        let Some(host) = url.host_str().filter(|_| is_web) else { return Self::App { scheme: scheme() } };
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if redirect_uri::is_local(redirect) { Self::ThisComputer { host } } else { Self::Website { host } }
    }

    /// Whether any local program could be behind it (RFC 8252 §8.6): then nothing is remembered or skipped.
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Website { .. })
    }

    /// The host that a consent is remembered for; none for local ones.
    pub fn rememberable_host(&self) -> Option<&str> {
        match self {
            Self::Website { host } => Some(host),
            Self::ThisComputer { .. } | Self::App { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;

    #[test]
    fn people_see_who_receives() {
        let website = |host: &str| Destination::Website { host: host.to_owned() };
        let computer = |host: &str| Destination::ThisComputer { host: host.to_owned() };
        for (uri, expected) in [
            ("https://claude.ai/api/mcp/auth_callback", website("claude.ai")),
            ("https://client.example:8443/cb", website("client.example:8443")),
            ("https://клод.example/cb", website("xn--d1aldm.example")),
            ("http://localhost:4321/callback", computer("localhost:4321")),
            ("http://127.0.0.1/callback", computer("127.0.0.1")),
            ("http://[::1]:99/callback", computer("[::1]:99")),
            ("https://localhost/callback", computer("localhost")),
            ("cursor://anysphere.cursor-mcp/oauth/callback", Destination::App { scheme: "cursor".to_owned() }),
        ] {
            assert_eq!(Destination::of(uri), expected, "{uri}");
        }
    }

    #[test]
    fn only_websites_are_remembered() {
        assert_eq!(Destination::of("https://claude.ai/cb").rememberable_host(), Some("claude.ai"));
        assert_eq!(Destination::of("http://localhost:1/cb").rememberable_host(), None);
        assert_eq!(Destination::of("cursor://x/cb").rememberable_host(), None);
    }
}
