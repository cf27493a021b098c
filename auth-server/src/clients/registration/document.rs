//! The client metadata of a registration request (RFC 7591 §2), read leniently where real clients differ and bounded everywhere.

use super::{RegistrationRefusal, openid_members, visible_text::is_visible};
use crate::clients::{Client, OpenIdMetadata};
use serde_json::{Map, Value};
use shared::protocol::{opaque_token::TokenHash, strict_json};
use subtle::ConstantTimeEq as _;

/// How many elements a list may have.
pub const LIST_MAX_ELEMENTS: usize = 32;
/// How long a name may be.
pub const NAME_MAX_CHARACTERS: usize = 200;
/// How long a URL may be.
pub const URL_MAX_BYTES: usize = 2048;

/// What a client asks for. Absent members and `null` are the same.
#[derive(Debug, Default)]
pub struct RegistrationDocument {
    /// `redirect_uris`.
    pub redirect_uris: Vec<String>,
    /// `client_name`.
    pub client_name: Option<String>,
    /// `token_endpoint_auth_method`: one word by the RFC; some send a list, or `token_endpoint_auth_methods_supported`.
    pub auth_methods: Vec<String>,
    /// `grant_types`.
    pub grant_types: Option<Vec<String>>,
    /// `scope`.
    pub scope: Option<String>,
    /// `application_type`.
    pub application_type: Option<String>,
    /// `software_id`.
    pub software_id: Option<String>,
    /// `software_version`.
    pub software_version: Option<String>,
    /// `client_uri`; dropped unless https.
    pub client_uri: Option<String>,
    /// `jwks`.
    pub jwks: Option<Value>,
    /// What OpenID Connect adds.
    pub openid: OpenIdMetadata,
    /// Whether there is a `jwks_uri`, which is never fetched.
    pub has_jwks_uri: bool,
    /// `token_endpoint_auth_signing_alg`: what keys are for that do not say.
    pub signing_algorithm: Option<String>,
}

/// Reads the body of a registration request.
///
/// # Errors
/// See [`RegistrationRefusal`].
pub fn read(body: &[u8]) -> Result<RegistrationDocument, RegistrationRefusal> {
    document(&members(body)?)
}

/// What only this server writes into a registration (RFC 7592 §2.2).
const OURS: [&str; 4] =
    ["registration_access_token", "registration_client_uri", "client_id_issued_at", "client_secret_expires_at"];

/// Reads the body of a request that replaces the registration of `current` (RFC 7592 §2.2): it names its client, keeps its
/// secret, and leaves out what is ours.
///
/// # Errors
/// See [`RegistrationRefusal`].
pub fn read_replacement(body: &[u8], current: &Client) -> Result<RegistrationDocument, RegistrationRefusal> {
    let members = members(body)?;
    if text(&members, "client_id")? != Some(&current.id) {
        return Err(RegistrationRefusal::AnotherClient);
    }
    if OURS.iter().any(|name| members.contains_key(*name)) {
        return Err(RegistrationRefusal::NotTheirs);
    }
    if let Some(secret) = text(&members, "client_secret")? {
        let is_its_own = |hash: TokenHash| bool::from(hash.0.ct_eq(&TokenHash::of(secret).0));
        if !current.secret_hash.is_some_and(is_its_own) {
            return Err(RegistrationRefusal::ChosenSecret);
        }
    }
    document(&members)
}

fn members(body: &[u8]) -> Result<Map<String, Value>, RegistrationRefusal> {
    match strict_json::parse(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(RegistrationRefusal::NotAnObject),
    }
}

fn document(members: &Map<String, Value>) -> Result<RegistrationDocument, RegistrationRefusal> {
    let mut auth_methods = words(members, "token_endpoint_auth_method")?.unwrap_or_default();
    if auth_methods.is_empty() {
        auth_methods = words(members, "token_endpoint_auth_methods_supported")?.unwrap_or_default();
    }
    Ok(RegistrationDocument {
        redirect_uris: words(members, "redirect_uris")?.unwrap_or_default(),
        client_name: line(members, "client_name")?,
        auth_methods,
        grant_types: words(members, "grant_types")?,
        scope: text(members, "scope")?.map(str::to_owned),
        application_type: text(members, "application_type")?.map(str::to_owned),
        software_id: line(members, "software_id")?,
        software_version: line(members, "software_version")?,
        client_uri: https_url(members, "client_uri")?,
        openid: openid_members::read(members)?,
        jwks: members.get("jwks").filter(|jwks| !jwks.is_null()).cloned(),
        has_jwks_uri: text(members, "jwks_uri")?.is_some(),
        signing_algorithm: text(members, "token_endpoint_auth_signing_alg")?.map(str::to_owned),
    })
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, RegistrationRefusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => stored(text).map(Some),
        Some(_) => Err(RegistrationRefusal::WrongType),
    }
}

/// A text without U+0000, which not every database stores.
fn stored(text: &str) -> Result<&str, RegistrationRefusal> {
    if text.contains('\0') { Err(RegistrationRefusal::Nul) } else { Ok(text) }
}

/// A list of strings; one string counts as a list of one.
pub(super) fn words(members: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, RegistrationRefusal> {
    let items = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(word)) => return Ok(Some(vec![stored(word)?.to_owned()])),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(RegistrationRefusal::WrongType),
    };
    if items.len() > LIST_MAX_ELEMENTS {
        return Err(RegistrationRefusal::ListTooLong);
    }
    items
        .iter()
        .map(|item| stored(item.as_str().ok_or(RegistrationRefusal::WrongType)?).map(str::to_owned))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// A name for people: one line that cannot pretend to be another.
fn line(members: &Map<String, Value>, name: &str) -> Result<Option<String>, RegistrationRefusal> {
    let Some(text) = text(members, name)?.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > NAME_MAX_CHARACTERS {
        return Err(RegistrationRefusal::TextTooLong);
    }
    if !is_visible(text) {
        return Err(RegistrationRefusal::UnreadableName);
    }
    Ok(Some(text.to_owned()))
}

fn https_url(members: &Map<String, Value>, name: &str) -> Result<Option<String>, RegistrationRefusal> {
    let Some(text) = text(members, name)? else { return Ok(None) };
    if text.len() > URL_MAX_BYTES {
        return Err(RegistrationRefusal::TextTooLong);
    }
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.username().is_empty());
    Ok(url.map(String::from))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::clients::registration::RegistrationRefusal as Refusal;

    fn refusal(body: &str) -> Refusal {
        read(body.as_bytes()).expect_err(body)
    }

    #[test]
    fn reads_what_real_clients_send() {
        let body = r#"{"redirect_uris":["https://a.example/cb"],"client_name":" Claude ","logo_uri":null,"unknown":{"a":1},
            "token_endpoint_auth_method":["none","private_key_jwt"],"client_uri":"http://plain.example"}"#;
        let document = read(body.as_bytes()).expect("fine");
        assert_eq!(document.client_name.as_deref(), Some("Claude"));
        assert_eq!(document.auth_methods, ["none", "private_key_jwt"]);
        assert_eq!((document.client_uri, document.grant_types), (None, None));
    }

    #[test]
    fn refuses_what_cannot_be_meant() {
        assert_eq!(refusal("[]"), Refusal::NotAnObject);
        assert_eq!(refusal("redirect_uris=x"), Refusal::NotAnObject);
        assert_eq!(refusal(r#"{"client_name":"a","client_name":"b"}"#), Refusal::NotAnObject);
        assert_eq!(refusal(r#"{"redirect_uris":[1]}"#), Refusal::WrongType);
        assert_eq!(refusal(r#"{"redirect_uris":{}}"#), Refusal::WrongType);
        assert_eq!(refusal(r#"{"client_name":7}"#), Refusal::WrongType);
        assert_eq!(refusal(r#"{"client_name":"a\nb"}"#), Refusal::UnreadableName);
        for unseen in ["a\\u202eb", "\\u3164", "\\u200b", "\\u2800"] {
            assert_eq!(refusal(&format!(r#"{{"client_name":"{unseen}"}}"#)), Refusal::UnreadableName);
        }
        for member in ["client_name", "client_uri", "scope", "software_id", "application_type", "redirect_uris"] {
            assert_eq!(refusal(&format!(r#"{{"{member}":"https://a.example/\u0000"}}"#)), Refusal::Nul, "{member}");
        }
        assert_eq!(refusal(r#"{"redirect_uris":["https://a.example/\u0000"]}"#), Refusal::Nul);
        assert_eq!(refusal(&format!(r#"{{"client_name":"{}"}}"#, "x".repeat(201))), Refusal::TextTooLong);
        let many = vec!["\"https://a.example/\""; 33].join(",");
        assert_eq!(refusal(&format!(r#"{{"redirect_uris":[{many}]}}"#)), Refusal::ListTooLong);
    }
}
