//! Who may call from where: `Host` against DNS rebinding, `Origin` against foreign pages (MCP Streamable HTTP, Security Warning).

use http::{HeaderMap, Uri, header};
use shared::config::PublicUrl;

/// The hosts and origins that this server answers.
#[derive(Debug, Clone)]
pub struct HostAndOrigin {
    hosts: Vec<String>,
    origins: Vec<OriginPattern>,
}

/// Which of the two was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// `Host` names another server, or is missing.
    Host,
    /// `Origin` is a page that may not call.
    Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OriginPattern {
    scheme: String,
    host: String,
    /// None allows every port.
    port: Option<u16>,
}

const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl HostAndOrigin {
    /// What `public_url` implies, with `extra_hosts` (`name` or `name:port`) and `extra_origins` (`scheme://host:port`,
    /// port `*` for any). A loopback server answers every loopback spelling, and pages of every loopback port.
    ///
    /// # Errors
    /// The extra origin that is none.
    pub fn new(public_url: &PublicUrl, extra_hosts: &[String], extra_origins: &[String]) -> Result<Self, String> {
        let port = public_url.port();
        let own = parse_pattern(public_url.origin()).ok_or_else(|| public_url.to_string())?;
        let mut hosts = vec![authority(&own.host, port)];
        let mut origins = vec![own];
        if public_url.is_loopback() {
            for name in LOOPBACK_HOSTS {
                hosts.push(authority(name, port));
                origins.push(OriginPattern { scheme: "http".into(), host: name.into(), port: None });
            }
        }
        hosts.extend(extra_hosts.iter().map(|host| host.to_ascii_lowercase()));
        for text in extra_origins {
            origins.push(parse_pattern(text).ok_or_else(|| text.clone())?);
        }
        hosts.sort();
        hosts.dedup();
        Ok(Self { hosts, origins })
    }

    /// Checks a request.
    ///
    /// # Errors
    /// [`Foreign`].
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let host = requested_host(uri, headers).ok_or(Foreign::Host)?;
        if !self.allows_host(host) {
            return Err(Foreign::Host);
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if origin.to_str().is_ok_and(|origin| self.allows_origin(origin)) => Ok(()),
            _ => Err(Foreign::Origin),
        }
    }

    /// Whether pages of `origin` may call.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let Some(wanted) = parse_pattern(origin) else { return false };
        wanted.port.is_some()
            && self.origins.iter().any(|allowed| {
                allowed.scheme == wanted.scheme
                    && allowed.host == wanted.host
                    && (allowed.port.is_none() || allowed.port == wanted.port)
            })
    }

    /// The hosts as text, for rmcp.
    pub fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    /// The origins as text, for rmcp and CORS.
    pub fn origins(&self) -> Vec<String> {
        let text = |pattern: &OriginPattern| {
            let port = pattern.port.map_or_else(|| "*".to_owned(), |port| port.to_string());
            format!("{}://{}:{port}", pattern.scheme, pattern.host)
        };
        self.origins.iter().map(text).collect()
    }

    fn allows_host(&self, host: &str) -> bool {
        let Some((name, port)) = split_authority(host) else { return false };
        // A proxy may leave the scheme's own port out; an entry without a port allows all of its ports.
        let of_scheme = |allowed: &str| {
            let without_port = allowed.strip_suffix(":80").or_else(|| allowed.strip_suffix(":443"));
            port.is_none() && without_port.is_some_and(|allowed| allowed.eq_ignore_ascii_case(name))
        };
        let mut hosts = self.hosts.iter();
        hosts.any(|allowed| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(name) || of_scheme(allowed)
        })
    }
}

/// The host that a request names: `:authority` (HTTP/2) or `Host`.
pub fn requested_host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let mut values = headers.get_all(header::HOST).iter();
    match (uri.authority(), values.next(), values.next()) {
        (_, _, Some(_)) => None,
        (Some(authority), None, None) => Some(authority.as_str()),
        (None, Some(host), None) => host.to_str().ok(),
        (Some(authority), Some(host), None) if host.as_bytes() == authority.as_str().as_bytes() => host.to_str().ok(),
        _ => None,
    }
}

/// Host and port of an authority without user information (RFC 3986 §3.2): the only colons of a name are in brackets.
fn split_authority(text: &str) -> Option<(&str, Option<u16>)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (name, rest) = text.split_at(end);
    if rest.is_empty() {
        return Some((name, None));
    }
    Some((name, Some(parse_port(rest.strip_prefix(':')?)?)))
}

/// Digits alone (RFC 3986 §3.2.3); Rust's own reader takes a sign, too.
fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn authority(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

/// `scheme://host[:port|:*]` and nothing behind it.
fn parse_pattern(text: &str) -> Option<OriginPattern> {
    let (scheme, rest) = text.split_once("://")?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, "*")) => (host, None),
        Some((host, port)) if !port.contains(']') => (host, Some(parse_port(port)?)),
        _ => (rest, Some(default_port(scheme)?)),
    };
    let valid = !host.is_empty()
        && !host.contains(['/', '@', '?', '#', ' '])
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
    valid.then(|| OriginPattern { scheme: scheme.to_ascii_lowercase(), host: host.to_ascii_lowercase(), port })
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Foreign, HostAndOrigin};
    use http::{HeaderMap, HeaderValue, Uri, header};
    use shared::config::PublicUrl;

    fn check(rule: &HostAndOrigin, host: &str, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("a header value"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).expect("a header value"));
        }
        rule.check(&Uri::from_static("/mcp"), &headers)
    }

    fn rule(url: &str, hosts: &[&str], origins: &[&str]) -> HostAndOrigin {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        HostAndOrigin::new(&PublicUrl::parse(url).expect("a URL"), &owned(hosts), &owned(origins)).expect("origins")
    }

    #[test]
    fn a_loopback_server_answers_loopback_alone() {
        let rule = rule("http://localhost:9500", &[], &[]);
        for host in ["localhost:9500", "LOCALHOST:9500", "127.0.0.1:9500", "[::1]:9500"] {
            assert_eq!(check(&rule, host, None), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9500",
            "localhost:9500:9500",
            "localhost:",
            "localhost:+9500",
            "localhost:65536",
            "user@localhost:9500",
            "localhost:9500/",
            "::1:9500",
            "[::1]9500",
            "[::1]:9500:9500",
            "localhost:9501",
            "localhost",
            "localhost.evil.example:9500",
            "[::2]:9500",
        ] {
            assert_eq!(check(&rule, host, None), Err(Foreign::Host), "{host}");
        }
        for origin in ["http://localhost:6274", "http://127.0.0.1:1", "http://[::1]:9", "http://localhost"] {
            assert_eq!(check(&rule, "localhost:9500", Some(origin)), Ok(()), "{origin}");
        }
        for origin in
            ["https://evil.example", "http://localhost.evil.example", "null", "", "http://localhost:*", "file://"]
        {
            assert_eq!(check(&rule, "localhost:9500", Some(origin)), Err(Foreign::Origin), "{origin}");
        }
    }

    #[test]
    fn a_public_server_answers_its_name_and_what_was_added() {
        let rule = rule("https://mcp.example", &["mcp.internal"], &["https://app.example", "http://dev.example:*"]);
        for host in ["mcp.example", "mcp.example:443", "mcp.internal", "mcp.internal:8080"] {
            assert_eq!(check(&rule, host, None), Ok(()), "{host}");
        }
        for host in [
            "mcp.example:80",
            "mcp.example:443:443",
            "mcp.internal:8080:8080",
            "mcp.internal:",
            "mcp.internal:99999",
            "user@mcp.internal:8080",
            "localhost",
            "mcp.example.evil.example",
        ] {
            assert_eq!(check(&rule, host, None), Err(Foreign::Host), "{host}");
        }
        for (origin, allowed) in [
            ("https://mcp.example", true),
            ("https://app.example", true),
            ("https://app.example:443", true),
            ("http://app.example", false),
            ("https://app.example:444", false),
            ("https://app.example:+443", false),
            ("http://dev.example:3000", true),
            ("http://localhost:3000", false),
            ("https://user@app.example", false),
        ] {
            assert_eq!(check(&rule, "mcp.example", Some(origin)).is_ok(), allowed, "{origin}");
        }
    }

    #[test]
    fn no_host_two_hosts_and_contradictions_are_foreign() {
        let rule = rule("http://localhost:9500", &[], &[]);
        let none = HeaderMap::new();
        assert_eq!(rule.check(&Uri::from_static("/mcp"), &none), Err(Foreign::Host));
        assert_eq!(rule.check(&Uri::from_static("http://localhost:9500/mcp"), &none), Ok(()));
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:9500"));
        assert_eq!(rule.check(&Uri::from_static("http://evil.example/mcp"), &headers), Err(Foreign::Host));
        headers.append(header::HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(rule.check(&Uri::from_static("/mcp"), &headers), Err(Foreign::Host));
    }

    #[test]
    fn an_extra_origin_must_be_one() {
        let url = PublicUrl::parse("http://localhost:9500").expect("a URL");
        assert_eq!(HostAndOrigin::new(&url, &[], &["app.example".into()]).expect_err("no scheme"), "app.example");
    }
}
