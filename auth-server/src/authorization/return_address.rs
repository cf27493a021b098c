//! Where the answer to an authorization request goes.

use super::{PageRefusal, Refusal};
use crate::clients::{Client, redirect_uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// All but the unreserved characters of RFC 3986 §2.3; a space is `%20`, which every decoder understands.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A redirect URI that the client registered, with the `state` to send along. Made from a match, or from a sealed request that had one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAddress {
    redirect_uri: String,
    state: Option<String>,
}

impl ReturnAddress {
    /// The requested address if `client` registered it; without a request, the only one it registered (RFC 6749 §3.1.2.3).
    ///
    /// # Errors
    /// [`PageRefusal::RedirectUriMissing`] or [`PageRefusal::RedirectUriUnregistered`].
    pub fn of_client(client: &Client, requested: Option<&str>, state: Option<&str>) -> Result<Self, PageRefusal> {
        let redirect_uri = match (requested, client.redirect_uris.as_slice()) {
            (Some(requested), registered) => {
                // What goes into a header has the characters of a URI, whatever was registered.
                let is_sound = requested.bytes().all(|byte| byte.is_ascii_graphic()) && !requested.contains('#');
                let is_registered = registered.iter().any(|one| redirect_uri::matches(one, requested));
                if is_sound && is_registered { Ok(requested) } else { Err(PageRefusal::RedirectUriUnregistered) }
            }
            (None, [only]) => Ok(only.as_str()),
            (None, _) => Err(PageRefusal::RedirectUriMissing),
        }?;
        Ok(Self { redirect_uri: redirect_uri.to_owned(), state: state.map(str::to_owned) })
    }

    /// The address as the request named it.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// How much of a URL `state` takes.
    pub fn encoded_state_bytes(&self) -> usize {
        self.state.as_deref().map_or(0, |state| utf8_percent_encode(state, ENCODED).map(str::len).sum())
    }

    /// The URL that brings a code: `code`, `state` verbatim, `iss` (RFC 9207 §2).
    pub fn with_code(&self, issuer: &str, code: &str) -> String {
        self.with(issuer, &[("code", code)])
    }

    /// The URL that brings a refusal (RFC 6749 §4.1.2.1): `error`, `error_description`, `state`, `iss`.
    pub fn with_refusal(&self, issuer: &str, refusal: Refusal) -> String {
        self.with(issuer, &[("error", refusal.code.as_str()), ("error_description", refusal.description)])
    }

    fn with(&self, issuer: &str, pairs: &[(&str, &str)]) -> String {
        let own = self.state.as_deref().map(|state| ("state", state)).into_iter().chain([("iss", issuer)]);
        append_query(&self.redirect_uri, pairs.iter().copied().chain(own))
    }
}

/// `url` with more parameters in its query, encoded.
pub(crate) fn append_query<'a>(url: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut url = url.to_owned();
    for (name, value) in pairs {
        let joint = match url.find('?') {
            None => "?",
            Some(_) if url.ends_with(['?', '&']) => "",
            Some(_) => "&",
        };
        url.push_str(joint);
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, ENCODED));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::ReturnAddress;
    use crate::{
        authorization::{PageRefusal, Refusal},
        clients::client::tests::client,
    };
    use shared::protocol::error_code::ErrorCode;

    const ISSUER: &str = "https://auth.example";

    fn address(
        registered: &[&str],
        requested: Option<&str>,
        state: Option<&str>,
    ) -> Result<ReturnAddress, PageRefusal> {
        let mut client = client("c");
        client.redirect_uris = registered.iter().map(|uri| (*uri).to_owned()).collect();
        ReturnAddress::of_client(&client, requested, state)
    }

    #[test]
    fn only_what_was_registered_is_an_address() {
        let registered = ["https://client.example/cb", "http://127.0.0.1/cb"];
        assert!(address(&registered, Some("https://client.example/cb"), None).is_ok());
        assert!(address(&registered, Some("http://127.0.0.1:5311/cb"), None).is_ok());
        for wrong in [
            "https://client.example/cb/",
            "https://client.example/cb?x=1",
            "https://client.example/cb#x",
            "https://client.example.evil.example/cb",
            "https://client.example@evil.example/cb",
            "https://client.example/cb\r\nSet-Cookie: a=b",
            "//client.example/cb",
            "javascript:alert(1)",
            "http://127.0.0.1:5311@evil.example/cb",
        ] {
            assert_eq!(address(&registered, Some(wrong), None), Err(PageRefusal::RedirectUriUnregistered), "{wrong}");
        }
        assert_eq!(address(&registered, None, None), Err(PageRefusal::RedirectUriMissing));
        assert_eq!(address(&registered[..1], None, None).unwrap().redirect_uri(), registered[0]);
    }

    #[test]
    fn the_answer_is_appended_and_encoded() {
        let plain = address(&["https://client.example/cb"], None, Some("a b&c=d\r\né")).unwrap();
        assert_eq!(
            plain.with_code(ISSUER, "postern_ac_x"),
            "https://client.example/cb?code=postern_ac_x&state=a%20b%26c%3Dd%0D%0A%C3%A9&iss=https%3A%2F%2Fauth.example"
        );
        let with_query = address(&["https://client.example/cb?tenant=1"], None, None).unwrap();
        assert_eq!(
            with_query.with_refusal(ISSUER, Refusal::new(ErrorCode::AccessDenied, "No.")),
            "https://client.example/cb?tenant=1&error=access_denied&error_description=No.&iss=https%3A%2F%2Fauth.example"
        );
        let app = address(&["cursor://anysphere.cursor-mcp/oauth/callback"], None, None).unwrap();
        assert!(app.with_code(ISSUER, "x").starts_with("cursor://anysphere.cursor-mcp/oauth/callback?code=x&iss="));
        let empty_query = address(&["https://client.example/cb?"], None, None).unwrap();
        assert!(empty_query.with_code(ISSUER, "x").starts_with("https://client.example/cb?code=x&"));
    }
}
