//! What clients say of themselves: how they prove who they are, and what they register.

use auth_server::clients::authenticate::{Credentials, basic};
use auth_server::clients::registration::{self, OFFLINE_ACCESS, Policy};
use auth_server::clients::{AuthMethod, Client, ClientOrigin, GrantType, redirect_uri};
use auth_server::parameters::Parameters;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use shared::protocol::scope::ScopeSet;

/// Bytes are an `Authorization` header.
pub(super) fn basic_credentials(bytes: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(bytes) else { return };
    let Some(read) = basic::parse(&header) else { return };
    assert!(!read.client_id.is_empty() && !read.client_id.contains('\0'));
    let (raw, decoded) = (read.secret.raw.expose(), read.secret.decoded.as_ref().map(|secret| secret.expose()));
    assert!(!raw.is_empty() && decoded != Some(raw));
    let meant = decoded.unwrap_or(raw);
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let printed = STANDARD.encode(format!("{}:{}", encode(&read.client_id), encode(meant)));
    let header = HeaderValue::try_from(format!("bAsIc {printed}")).expect("base64 is a header");
    let again = basic::parse(&header).expect("it reads back");
    assert_eq!(again.client_id, read.client_id);
    assert_eq!(again.secret.decoded.as_ref().unwrap_or(&again.secret.raw).expose(), meant);
}

/// Lines: an `Authorization` header (none when it is empty), and a form.
pub(super) fn client_credentials(bytes: &[u8]) {
    let Some([authorization, form]) = super::lines(bytes) else { return };
    let Ok(parameters) = Parameters::from_query(Some(form)) else { return };
    let mut headers = HeaderMap::new();
    if !authorization.is_empty() {
        let Ok(value) = HeaderValue::from_str(authorization) else { return };
        headers.insert(header::AUTHORIZATION, value);
    }
    let Ok(credentials) = Credentials::of(&headers, &parameters) else { return };
    let sent = |name| parameters.get(name).is_some();
    let proofs = [!authorization.is_empty(), sent("client_secret"), sent("client_assertion")];
    assert!(proofs.into_iter().filter(|proof| *proof).count() <= 1, "one proof a request");
    assert!(parameters.get("client_id").is_none_or(|id| id == credentials.client_id()), "one client a request");
    match &credentials {
        Credentials::None { client_id } => {
            assert!(proofs == [false; 3] && !client_id.is_empty(), "a public client proves nothing");
        }
        Credentials::Secret { .. } => assert_eq!(credentials.used_basic(), !authorization.is_empty()),
        Credentials::Assertion { assertion, .. } => {
            assert_eq!(Some(assertion.expose()), parameters.get("client_assertion"));
            let kind = parameters.get("client_assertion_type");
            assert_eq!(kind, Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        }
    }
}

/// Bytes are a registration request. What it comes to must come to itself when the client registers it again.
pub(super) fn registration_document(bytes: &[u8]) {
    let Some(client) = register(bytes) else { return };
    assert_eq!(client.origin, ClientOrigin::Dynamic);
    assert!(client.secret_hash.is_none() && client.resources.is_empty());
    assert!(!client.redirect_uris.is_empty());
    for uri in &client.redirect_uris {
        assert_eq!(redirect_uri::check_registrable(uri, &schemes()), Ok(()), "{uri}");
    }
    assert!(!client.grant_types.is_empty());
    assert!(client.grant_types.iter().all(|grant| GrantType::SELF_REGISTERED.contains(grant)), "no way round a person");
    let open = open_scopes().union(&[OFFLINE_ACCESS, "openid", "profile", "email"].into_iter().collect());
    assert!(client.scope.is_subset(&open), "nothing that is not open to everybody");
    assert_eq!(client.jwks.is_some(), client.auth_method == AuthMethod::PrivateKeyJwt);
    assert!(!client.name.trim().is_empty() && !client.name.chars().any(char::is_control));
    assert!(client.client_uri.as_deref().is_none_or(|uri| uri.starts_with("https://")));
    let again = register(echo(&client).to_string().as_bytes()).expect("what was answered can be registered");
    assert_eq!(echo(&again), echo(&client), "the answer is stable");
}

fn register(body: &[u8]) -> Option<Client> {
    let document = registration::read(body).ok()?;
    let policy = Policy { redirect_schemes: &schemes(), open_scopes: open_scopes() };
    registration::negotiate(document, &policy, 0).ok()
}

fn schemes() -> [String; 1] {
    ["cursor".to_owned()]
}

fn open_scopes() -> ScopeSet {
    ["mcp.read", "mcp.write"].into_iter().collect()
}

fn echo(client: &Client) -> Value {
    json!({
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>(),
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "application_type": client.application_type.as_str(),
        "scope": client.scope.to_string(),
        "software_id": client.software_id,
        "software_version": client.software_version,
        "client_uri": client.client_uri,
        "jwks": client.jwks,
    })
}
