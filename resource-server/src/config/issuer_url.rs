//! The issuer URL of somebody else's authorization server: byte for byte what its metadata and its tokens say.

use shared::config::{Given, Kind, PublicUrl, SettingValue};
use std::fmt;

/// An https URL, or an http one on loopback, without query, fragment or user. It may end in a slash, as those of some servers do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IssuerUrl {
    text: String,
    /// The same without a slash at the end.
    plain: PublicUrl,
}

impl IssuerUrl {
    /// Takes `text` if it is unambiguous but for a slash at its end.
    ///
    /// # Errors
    /// What is wrong and how it should be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = PublicUrl::parse(text.strip_suffix('/').unwrap_or(text))?;
        Ok(Self { text: text.to_owned(), plain })
    }

    /// The URL exactly as configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where its metadata may be: RFC 8414 §3.1 (inserted before the path), then OpenID Connect Discovery §4 (appended).
    pub fn metadata_urls(&self) -> [String; 2] {
        use shared::protocol::well_known::{AUTHORIZATION_SERVER, OPENID_CONFIGURATION};
        let (origin, path) = (self.plain.origin(), self.plain.path());
        [format!("{origin}{AUTHORIZATION_SERVER}{path}"), self.plain.join(OPENID_CONFIGURATION)]
    }

    /// Host and, unless it is the default one, port.
    pub fn authority(&self) -> &str {
        self.plain.authority()
    }

    /// Whether only this machine reaches it, so that its endpoints may be plain http on this machine, too.
    pub fn is_loopback(&self) -> bool {
        self.plain.is_loopback()
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl SettingValue for IssuerUrl {
    const KIND: Kind = Kind::Text;
    const EXAMPLE: &'static str = "\"https://id.example.com/realms/main\"";

    fn expected() -> String {
        "an https URL (http on loopback only) without query, fragment or user, exactly as the issuer's metadata says it"
            .to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        Self::parse(&given.scalar()?)
    }
}

#[cfg(test)]
mod tests {
    use super::IssuerUrl;

    #[test]
    fn keeps_a_slash_and_says_where_its_metadata_is() {
        let urls = |text: &str| IssuerUrl::parse(text).expect("a URL").metadata_urls();
        let keycloak = "https://id.example.com/realms/main";
        assert_eq!(
            urls(keycloak),
            [
                "https://id.example.com/.well-known/oauth-authorization-server/realms/main",
                "https://id.example.com/realms/main/.well-known/openid-configuration"
            ]
        );
        let with_slash = IssuerUrl::parse("https://tenant.example.com/").expect("a URL");
        assert_eq!(with_slash.as_str(), "https://tenant.example.com/");
        assert_eq!(with_slash.metadata_urls()[1], "https://tenant.example.com/.well-known/openid-configuration");
        for bad in ["http://id.example.com", "https://id.example.com//", "https://id.example.com?x", "", "id"] {
            assert!(IssuerUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
