//! The cookie of a signed-in browser. Under https it is `__Host-postern`: no other host, no subdomain and no plain connection can set it. On
//! loopback http browsers refuse that prefix, and hosts share their cookies among ports, so the port is in the name.

use http::{HeaderMap, HeaderValue, header};
use shared::protocol::opaque_token::OpaqueToken;
use url::Url;

/// The name and attributes of an issuer's cookie.
pub(super) struct SessionCookie {
    name: String,
    is_secure: bool,
}

impl SessionCookie {
    /// The cookie of this issuer.
    pub(super) fn of(issuer: &str) -> Self {
        let url = Url::parse(issuer).ok();
        match url.as_ref().filter(|url| url.scheme() == "http") {
            Some(url) => {
                Self { name: format!("postern-{}", url.port_or_known_default().unwrap_or_default()), is_secure: false }
            }
            None => Self { name: "__Host-postern".to_owned(), is_secure: true },
        }
    }

    /// What the browser sent under the name; the first, if several.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name).then_some(value)
        })
    }

    /// `Set-Cookie` that keeps the session until the browser is closed or the session ends.
    pub(super) fn set(&self, token: &OpaqueToken) -> HeaderValue {
        self.line(token.expose(), "")
    }

    /// `Set-Cookie` that takes it back.
    pub(super) fn clear(&self) -> HeaderValue {
        self.line("", "; Max-Age=0")
    }

    fn line(&self, value: &str, more: &str) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name);
        let mut line = HeaderValue::from_str(&line).expect("tokens and names are ASCII without control characters");
        line.set_sensitive(true);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::SessionCookie;
    use http::{HeaderMap, header};
    use shared::protocol::opaque_token::{OpaqueToken, TokenKind};

    #[test]
    fn attributes_follow_the_scheme() {
        let token = OpaqueToken::from_entropy(TokenKind::BrowserSession, &[1; 32]);
        let text = |issuer: &str| SessionCookie::of(issuer).set(&token).to_str().unwrap().to_owned();
        let value = token.expose();
        assert_eq!(
            text("https://auth.example/t"),
            format!("__Host-postern={value}; Path=/; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(text("http://localhost:9400"), format!("postern-9400={value}; Path=/; HttpOnly; SameSite=Lax"));
        assert!(!format!("{:?}", SessionCookie::of("https://auth.example").set(&token)).contains(value));
    }

    #[test]
    fn reads_its_own_name_only() {
        let cookie = SessionCookie::of("http://localhost:9400");
        let mut headers = HeaderMap::new();
        assert_eq!(cookie.read(&headers), None);
        headers.append(header::COOKIE, "postern-9401=other; xpostern-9400=no; postern-9400=mine".parse().unwrap());
        headers.append(header::COOKIE, "postern-9400=second".parse().unwrap());
        assert_eq!(cookie.read(&headers), Some("mine"));
    }
}
