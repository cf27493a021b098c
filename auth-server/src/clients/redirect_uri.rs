//! Redirect URIs: which may be registered, and which registered one a request names.

use std::net::IpAddr;
use url::{Host, Url};

/// A longer one is refused.
pub const REDIRECT_URI_MAX_BYTES: usize = 2048;
/// Schemes that no configuration can allow: a browser would execute or read what they name, or send the code in clear.
pub const FORBIDDEN_SCHEMES: [&str; 19] = [
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "resource",
    "sms",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
/// Last labels of names that usual hosts files and resolvers lead back to the computer itself.
const LOCAL_NAMES: [&str; 4] = ["localhost", "localdomain", "ip6-localhost", "ip6-loopback"];

/// Why a redirect URI may not be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriRefusal {
    /// Over [`REDIRECT_URI_MAX_BYTES`].
    #[error("too long")]
    TooLong,
    /// Not an absolute URI, or with characters that a URI must percent-encode.
    #[error("not an absolute URI")]
    Malformed,
    /// RFC 6749 §3.1.2.
    #[error("has a fragment")]
    Fragment,
    /// `https://user@host/`.
    #[error("has user information")]
    UserInformation,
    /// `*` anywhere.
    #[error("has a wildcard")]
    Wildcard,
    /// `.` and `..` segments, also percent-encoded.
    #[error("has dot segments")]
    DotSegments,
    /// `http` beyond the loopback hosts.
    #[error("plain http is for loopback only")]
    PlainHttp,
    /// A scheme outside the allow-list.
    #[error("its scheme is not allowed")]
    Scheme,
}

/// Whether `uri` may be registered; `private_use_schemes` are the ones the configuration allows.
pub fn check_registrable(uri: &str, private_use_schemes: &[String]) -> Result<(), RedirectUriRefusal> {
    use RedirectUriRefusal as Refusal;
    if uri.len() > REDIRECT_URI_MAX_BYTES {
        return Err(Refusal::TooLong);
    }
    if !uri
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}'))
    {
        return Err(Refusal::Malformed);
    }
    if uri.contains('#') {
        return Err(Refusal::Fragment);
    }
    if uri.contains('*') {
        return Err(Refusal::Wildcard);
    }
    let parsed = Url::parse(uri).map_err(|_| Refusal::Malformed)?;
    let (scheme, rest) = uri.split_once(':').ok_or(Refusal::Malformed)?;
    let (authority, path) = split_authority(rest);
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(Refusal::UserInformation);
    }
    if has_dot_segments(path) {
        return Err(Refusal::DotSegments);
    }
    match parsed.scheme() {
        "https" if scheme == "https" && authority.is_some_and(|authority| !authority.is_empty()) => Ok(()),
        "https" => Err(Refusal::Malformed),
        "http" if Loopback::of(uri).is_some() => Ok(()),
        "http" => Err(Refusal::PlainHttp),
        other if FORBIDDEN_SCHEMES.contains(&other) => Err(Refusal::Scheme),
        other if private_use_schemes.iter().any(|allowed| allowed.eq_ignore_ascii_case(other)) => Ok(()),
        _ => Err(Refusal::Scheme),
    }
}

/// Whether `requested` is the registered one: the same string, or, on loopback `http`, the same but for the port
/// (RFC 8252 §7.3; `localhost` too, because clients use it).
pub fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return true;
    }
    match (Loopback::of(registered), Loopback::of(requested)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Whether any local program could receive what is sent there: loopback, or anything but `https`.
pub fn is_local(uri: &str) -> bool {
    let https = uri.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    !https || Url::parse(uri).ok().as_ref().and_then(Url::host).is_none_or(is_this_computer)
}

/// Whether the host leads back to the computer that asks: names below `localhost` (RFC 6761 §6.3), loopback and unspecified
/// addresses, also those written as IPv6.
fn is_this_computer(host: Host<&str>) -> bool {
    let is_local = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let last = name.rsplit('.').next().unwrap_or_default();
            LOCAL_NAMES.iter().any(|local| local.eq_ignore_ascii_case(last))
        }
        Host::Ipv4(address) => is_local(address.into()),
        Host::Ipv6(address) => {
            is_local(address.into()) || address.to_ipv4().is_some_and(|embedded| is_local(embedded.into()))
        }
    }
}

/// A loopback `http` URI without its port.
#[derive(PartialEq, Eq)]
struct Loopback<'a> {
    host: &'a str,
    path_and_query: &'a str,
}

impl<'a> Loopback<'a> {
    fn of(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(end);
        let host = LOOPBACK_HOSTS.into_iter().find_map(|host| {
            let after = authority.strip_prefix(host)?;
            (after.is_empty() || after.strip_prefix(':').is_some_and(is_port)).then(|| &authority[..host.len()])
        })?;
        Some(Self { host, path_and_query })
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Authority (behind `//`) and path of what follows the scheme's colon; the query is cut off.
fn split_authority(rest: &str) -> (Option<&str>, &str) {
    let without_query = rest.split('?').next().unwrap_or_default();
    match without_query.strip_prefix("//") {
        None => (None, without_query),
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
    }
}

fn has_dot_segments(path: &str) -> bool {
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
        plain.split('/').any(|part| part == "." || part == "..")
    })
}

#[cfg(test)]
mod tests {
    use super::{RedirectUriRefusal as Refusal, check_registrable, is_local, matches};
    use crate::config::Settings;
    use shared::config::Sources;

    fn check(uri: &str) -> Result<(), Refusal> {
        let settings = Settings::load(&Sources::new()).expect("defaults");
        check_registrable(uri, &settings.auth_server.redirect_schemes)
    }

    #[test]
    fn real_clients_register() {
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            "http://localhost/callback",
            "http://[::1]:4000/callback",
            "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-x",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn dangerous_ones_do_not() {
        for (uri, refusal) in [
            ("javascript:alert(1)", Refusal::Scheme),
            ("JavaScript:alert(1)", Refusal::Scheme),
            ("data:text/html,x", Refusal::Scheme),
            ("file:///etc/passwd", Refusal::Scheme),
            ("evil://x/callback", Refusal::Scheme),
            ("http://example.com/callback", Refusal::PlainHttp),
            ("http://localhost.evil.example/callback", Refusal::PlainHttp),
            ("http://127.0.0.1.nip.io/callback", Refusal::PlainHttp),
            ("http://localhost:0/callback", Refusal::PlainHttp),
            ("http://localhost:99999/callback", Refusal::Malformed),
            ("http://localhost@evil.example/callback", Refusal::UserInformation),
            ("https://user:pw@client.example/callback", Refusal::UserInformation),
            ("https://client.example/callback#x", Refusal::Fragment),
            ("https://*.client.example/callback", Refusal::Wildcard),
            ("https://client.example/a/../callback", Refusal::DotSegments),
            ("https://client.example/a/%2e%2E/callback", Refusal::DotSegments),
            ("https://client.example/a/%2e%2e%2fcallback", Refusal::DotSegments),
            ("https://client.example\\@evil.example/", Refusal::Malformed),
            ("https://client.example/a b", Refusal::Malformed),
            ("https:client.example/callback", Refusal::Malformed),
            ("https:///callback", Refusal::Malformed),
            ("/callback", Refusal::Malformed),
            ("", Refusal::Malformed),
        ] {
            assert_eq!(check(uri), Err(refusal), "{uri}");
        }
        assert_eq!(check(&format!("https://client.example/{}", "a".repeat(3000))), Err(Refusal::TooLong));
        assert_eq!(check_registrable("javascript:x", &["javascript".to_owned()]), Err(Refusal::Scheme));
    }

    #[test]
    fn loopback_matches_on_any_port_and_nothing_else_does() {
        for (registered, requested) in [
            ("http://127.0.0.1/callback", "http://127.0.0.1:53117/callback"),
            ("http://localhost:8787/callback", "http://localhost:1/callback"),
            ("http://[::1]/cb?a=b", "http://[::1]:65535/cb?a=b"),
            ("http://127.0.0.1:33418/", "http://127.0.0.1/"),
            ("https://client.example/cb?a=b", "https://client.example/cb?a=b"),
        ] {
            assert!(matches(registered, requested), "{registered} {requested}");
        }
        for (registered, requested) in [
            ("http://127.0.0.1/callback", "http://localhost/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:80/callback/"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:80/callback?x=1"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:80/callback#x"),
            ("http://127.0.0.1/callback", "https://127.0.0.1:80/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:80@evil.example/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:+80/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1.evil.example/callback"),
            ("https://localhost/callback", "https://localhost:8443/callback"),
            ("https://client.example/cb", "https://client.example/cb/"),
            ("https://client.example/cb", "https://client.example:443/cb"),
            ("https://client.example/cb", "https://CLIENT.example/cb"),
            ("cursor://a/cb", "cursor://a:80/cb"),
        ] {
            assert!(!matches(registered, requested), "{registered} {requested}");
        }
    }

    #[test]
    fn local_means_any_program_could_listen() {
        assert!(is_local("http://localhost:1/cb") && is_local("cursor://x/cb") && is_local("https://localhost/cb"));
        for uri in [
            "https://localhost./cb",
            "https://LOCALHOST:8443/cb",
            "https://app.localhost/cb",
            "https://app.localhost./cb",
            "https://localhost.localdomain/cb",
            "https://127.0.0.2/cb",
            "https://2130706433/cb",
            "https://0.0.0.0/cb",
            "https://0/cb",
            "https://[::1]/cb",
            "https://[::]/cb",
            "https://[::ffff:127.0.0.1]/cb",
            "https://[::ffff:0.0.0.0]/cb",
            "https://[::127.0.0.1]/cb",
        ] {
            assert!(is_local(uri), "{uri}");
        }
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://localhost.example/cb",
            "https://mylocalhost.example/cb",
            "https://notlocalhost/cb",
            "https://10.0.0.1/cb",
            "https://128.0.0.1/cb",
            "https://[2001:db8::1]/cb",
            "https://[::ffff:10.0.0.1]/cb",
        ] {
            assert!(!is_local(uri), "{uri}");
        }
    }
}
