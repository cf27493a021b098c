//! What every page knows of the server it belongs to.

use super::assets::{ICON, STYLESHEET};
use url::Url;

/// The server, as pages name and link it.
#[derive(Debug, Clone)]
pub struct Site {
    /// The path of the issuer, without a slash at its end: what every link of ours begins with.
    pub base: String,
    /// The path of the home page: the issuer itself.
    pub home: String,
    /// The host that people see in the address bar.
    pub host: String,
    /// The path of the stylesheet.
    pub stylesheet: String,
    /// The path of the icon.
    pub icon: String,
}

impl Site {
    /// The site of this issuer.
    pub fn of(issuer: &str) -> Self {
        let url = Url::parse(issuer).ok();
        let base = url.as_ref().map_or("", |url| url.path().trim_end_matches('/')).to_owned();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
        let host = url.as_ref().and_then(Url::port).map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let asset = |name: &str| format!("{base}/assets/{name}");
        let home = if base.is_empty() { "/".to_owned() } else { base.clone() };
        Self { home, stylesheet: asset(&STYLESHEET.name), icon: asset(&ICON.name), base, host }
    }
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn links_stay_under_the_issuer() {
        let root = Site::of("http://localhost:9400");
        assert_eq!((root.base.as_str(), root.host.as_str()), ("", "localhost:9400"));
        assert_eq!(root.home, "/");
        assert!(root.stylesheet.starts_with("/assets/style-"));
        let tenant = Site::of("https://auth.example/t");
        assert_eq!((tenant.base.as_str(), tenant.host.as_str()), ("/t", "auth.example"));
        assert_eq!(tenant.home, "/t");
        assert!(tenant.icon.starts_with("/t/assets/icon-"));
    }
}
