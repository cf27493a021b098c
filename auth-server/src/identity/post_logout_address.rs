//! Where a browser goes after signing out (OpenID Connect RP-Initiated Logout §3).

use crate::{authorization::return_address::append_query, clients::Client};

/// As it goes back in a URL it stays, with the address, below what browsers, proxies and servers take.
const STATE_MAX_BYTES: usize = 2048;

/// An address that the client registered for this, with the `state` to send along: only an exact match makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostLogoutAddress {
    uri: String,
    state: Option<String>,
}

impl PostLogoutAddress {
    /// The requested address, if `client` registered exactly this one and the state is no burden.
    pub fn of_client(client: &Client, requested: &str, state: Option<&str>) -> Option<Self> {
        let is_sound = requested.bytes().all(|byte| byte.is_ascii_graphic()) && !requested.contains('#');
        let fits = state.is_none_or(|state| state.len() <= STATE_MAX_BYTES);
        (is_sound && fits && client.openid.may_return_to(requested))
            .then(|| Self { uri: requested.to_owned(), state: state.map(str::to_owned) })
    }

    /// The address as it was registered.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The URL to go to, with `state` verbatim.
    pub fn url(&self) -> String {
        append_query(&self.uri, self.state.as_deref().map(|state| ("state", state)))
    }
}

#[cfg(test)]
mod tests {
    use super::PostLogoutAddress;
    use crate::clients::client::tests::client;

    #[test]
    fn only_exactly_what_was_registered() {
        let mut client = client("c");
        client.openid.post_logout_redirect_uris =
            vec!["https://a.example/out".into(), "http://127.0.0.1/out?x=1".into()];
        let address = |uri, state| PostLogoutAddress::of_client(&client, uri, state).map(|address| address.url());
        assert_eq!(address("https://a.example/out", None).as_deref(), Some("https://a.example/out"));
        assert_eq!(
            address("https://a.example/out", Some("a b&c")).as_deref(),
            Some("https://a.example/out?state=a%20b%26c")
        );
        assert_eq!(address("http://127.0.0.1/out?x=1", Some("s")).as_deref(), Some("http://127.0.0.1/out?x=1&state=s"));
        for wrong in [
            "https://a.example/out/",
            "https://a.example/out?x=1",
            "https://a.example/out#x",
            "https://a.example/OUT",
            "https://A.example/out",
            "https://a.example:443/out",
            "https://a.example@evil.example/out",
            "https://a.example/out\r\nx",
            "http://127.0.0.1:5000/out?x=1",
            "//a.example/out",
            "",
        ] {
            assert_eq!(address(wrong, None), None, "{wrong}");
        }
        assert_eq!(address("https://a.example/out", Some(&"s".repeat(2049))), None);
    }
}
