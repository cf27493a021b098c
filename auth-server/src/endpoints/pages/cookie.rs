//! The cookies of a browser: that of its session, and that which knows it again. Under https they are `__Host-postern…`: no other host, no
//! subdomain and no plain connection can set them. On loopback http browsers refuse that prefix, and hosts share their cookies among ports, so
//! the port is in the name.

use http::{HeaderMap, HeaderValue, header};
use url::Url;

/// The name and attributes of one of an issuer's cookies.
pub struct Cookie {
    name: String,
    is_secure: bool,
}

impl Cookie {
    /// The cookie of a signed-in browser.
    pub fn session(issuer: &str) -> Self {
        Self::named(issuer, "")
    }

    /// The cookie of a browser in which somebody signed in before.
    pub fn known_device(issuer: &str) -> Self {
        Self::named(issuer, "-device")
    }

    fn named(issuer: &str, suffix: &str) -> Self {
        let url = Url::parse(issuer).ok();
        match url.as_ref().filter(|url| url.scheme() == "http") {
            Some(url) => {
                let port = url.port_or_known_default().unwrap_or_default();
                Self { name: format!("postern-{port}{suffix}"), is_secure: false }
            }
            None => Self { name: format!("__Host-postern{suffix}"), is_secure: true },
        }
    }

    /// What the browser sent under the name; the first, if several.
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name).then_some(value)
        })
    }

    /// `Set-Cookie` that keeps `value` until the browser is closed.
    pub fn set(&self, value: &str) -> HeaderValue {
        self.line(value, "")
    }

    /// `Set-Cookie` that keeps `value` for so long.
    pub fn set_for(&self, value: &str, seconds: i64) -> HeaderValue {
        self.line(value, &format!("; Max-Age={seconds}"))
    }

    /// `Set-Cookie` that takes it back.
    pub fn clear(&self) -> HeaderValue {
        self.line("", "; Max-Age=0")
    }

    fn line(&self, value: &str, more: &str) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name);
        let mut line =
            HeaderValue::from_str(&line).expect("tokens, sealed texts and names are ASCII without control characters");
        line.set_sensitive(true);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Cookie;
    use http::{HeaderMap, header};

    #[test]
    fn attributes_follow_the_scheme() {
        let value = "a-secret";
        let text = |issuer: &str| Cookie::session(issuer).set(value).to_str().unwrap().to_owned();
        assert_eq!(
            text("https://auth.example/t"),
            format!("__Host-postern={value}; Path=/; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(text("http://localhost:9400"), format!("postern-9400={value}; Path=/; HttpOnly; SameSite=Lax"));
        assert!(!format!("{:?}", Cookie::session("https://auth.example").set(value)).contains(value));
        assert_eq!(
            Cookie::known_device("https://auth.example").set_for(value, 60),
            "__Host-postern-device=a-secret; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"
        );
    }

    #[test]
    fn reads_its_own_name_only() {
        let cookie = Cookie::session("http://localhost:9400");
        let mut headers = HeaderMap::new();
        assert_eq!(cookie.read(&headers), None);
        headers.append(header::COOKIE, "postern-9401=other; xpostern-9400=no; postern-9400=mine".parse().unwrap());
        headers.append(header::COOKIE, "postern-9400=second".parse().unwrap());
        assert_eq!(cookie.read(&headers), Some("mine"));
    }
}
