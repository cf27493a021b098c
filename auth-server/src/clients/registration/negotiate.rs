//! What of a registration is granted.

use super::{RegistrationDocument, RegistrationRefusal, read_keys::read_keys};
use crate::{
    clients::{
        ApplicationType, AuthMethod, Client, ClientOrigin, GrantType, OpenIdMetadata,
        redirect_uri::{check_registrable, is_local},
    },
    identity,
};
use shared::{
    clock::UnixSeconds,
    protocol::{jwk::JwkSet, scope::ScopeSet},
};

/// The name of a client that gave none.
pub const UNNAMED: &str = "Unnamed client";
/// A scope that clients ask for to be given refresh tokens; which grant types it registered decides that here.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// What self-registered clients may have.
#[derive(Debug)]
pub struct Policy<'a> {
    /// Private-use schemes of redirect URIs.
    pub redirect_schemes: &'a [String],
    /// Every scope of every registered resource; management scopes are not among them.
    pub open_scopes: ScopeSet,
}

/// The client that comes of a registration, still without id and secret.
///
/// # Errors
/// What cannot be cut to something useful.
pub fn negotiate(
    document: RegistrationDocument,
    policy: &Policy<'_>,
    now: UnixSeconds,
) -> Result<Client, RegistrationRefusal> {
    let redirect_uris = acceptable_redirect_uris(&document.redirect_uris, policy)?;
    let (auth_method, jwks) = auth_method(&document)?;
    Ok(Client {
        id: String::new(),
        name: document.client_name.unwrap_or_else(|| UNNAMED.to_owned()),
        origin: ClientOrigin::Dynamic,
        application_type: application_type(document.application_type.as_deref(), &redirect_uris),
        auth_method,
        secret_hash: None,
        previous_secret: None,
        jwks,
        grant_types: grant_types(document.grant_types.as_deref())?,
        scope: scope(document.scope.as_deref(), policy)?,
        redirect_uris,
        resources: Vec::new(),
        refresh_grace_seconds: None,
        software_id: document.software_id,
        software_version: document.software_version,
        client_uri: document.client_uri,
        openid: openid(document.openid, policy),
        registered_from: None,
        registration_token_hash: None,
        created_at: now,
        confirmed_at: None,
        removed_at: None,
    })
}

/// Drops the unacceptable ones and keeps the rest: Cursor sends three in one request, of which one has a scheme of its own.
fn acceptable_redirect_uris(asked: &[String], policy: &Policy<'_>) -> Result<Vec<String>, RegistrationRefusal> {
    if asked.is_empty() {
        return Err(RegistrationRefusal::NoRedirectUri);
    }
    let mut kept: Vec<String> = Vec::new();
    for uri in asked {
        if check_registrable(uri, policy.redirect_schemes).is_ok() && !kept.contains(uri) {
            kept.push(uri.clone());
        }
    }
    if kept.is_empty() { Err(RegistrationRefusal::NoAcceptableRedirectUri) } else { Ok(kept) }
}

/// Drops addresses to return to after signing out that could not be registered as redirect URIs either.
fn openid(mut asked: OpenIdMetadata, policy: &Policy<'_>) -> OpenIdMetadata {
    asked.post_logout_redirect_uris.retain(|uri| check_registrable(uri, policy.redirect_schemes).is_ok());
    asked
}

/// The first method asked for that can be had. A client that named only methods we do not have becomes a public one; one that
/// named none gets RFC 7591's default. `private_key_jwt` needs its keys inline: who named nothing else that we have is told so,
/// for it means to prove who it is.
fn auth_method(document: &RegistrationDocument) -> Result<(AuthMethod, Option<JwkSet>), RegistrationRefusal> {
    if document.auth_methods.is_empty() {
        return Ok((AuthMethod::ClientSecretBasic, None));
    }
    let known = || document.auth_methods.iter().filter_map(|word| AuthMethod::parse(word));
    for method in known() {
        if method != AuthMethod::PrivateKeyJwt {
            return Ok((method, None));
        }
        if let Some(keys) = read_keys(document)? {
            return Ok((method, Some(keys)));
        }
    }
    match (known().next(), document.has_jwks_uri) {
        (None, _) => Ok((AuthMethod::None, None)),
        (Some(_), true) => Err(RegistrationRefusal::KeysByReference),
        (Some(_), false) => Err(RegistrationRefusal::NoKeys),
    }
}

/// What is asked for and open to self-registered clients. Asking for nothing gets both: without a refresh token a person
/// would sign in again every quarter of an hour.
fn grant_types(asked: Option<&[String]>) -> Result<Vec<GrantType>, RegistrationRefusal> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else { return Ok(GrantType::SELF_REGISTERED.to_vec()) };
    let asks = |grant: GrantType| asked.iter().any(|word| word == grant.as_str());
    let mut kept: Vec<GrantType> = GrantType::SELF_REGISTERED.into_iter().filter(|grant| asks(*grant)).collect();
    match kept.as_slice() {
        [] => return Err(RegistrationRefusal::NoAcceptableGrant),
        // A refresh token comes from a code.
        [GrantType::RefreshToken] => kept.insert(0, GrantType::AuthorizationCode),
        _ => {}
    }
    Ok(kept)
}

/// What is asked for and open; every scope of every resource when none of theirs is (clients fall back to `openid email profile`).
fn scope(asked: Option<&str>, policy: &Policy<'_>) -> Result<ScopeSet, RegistrationRefusal> {
    let asked: ScopeSet = asked.unwrap_or_default().parse().map_err(|_| RegistrationRefusal::UnusableScope)?;
    let mut open = policy.open_scopes.clone();
    if asked.intersection(&open).is_empty() {
        return Ok(open.union(&identity::scopes::of(&asked)));
    }
    open.insert(OFFLINE_ACCESS);
    open = open.union(&identity::scopes::all());
    Ok(asked.intersection(&open))
}

fn application_type(asked: Option<&str>, redirect_uris: &[String]) -> ApplicationType {
    let guess =
        if redirect_uris.iter().any(|uri| is_local(uri)) { ApplicationType::Native } else { ApplicationType::Web };
    asked.and_then(ApplicationType::parse).unwrap_or(guess)
}

#[cfg(test)]
mod tests {
    use super::{Policy, negotiate};
    use crate::clients::{
        ApplicationType, AuthMethod, Client,
        registration::{RegistrationRefusal as Refusal, read},
    };
    use serde_json::{Value, json};

    fn register(document: &Value) -> Result<Client, Refusal> {
        let redirect_schemes = ["cursor".to_owned()];
        let open_scopes = "mcp.admin mcp.read mcp.write".parse().expect("scopes");
        negotiate(
            read(document.to_string().as_bytes())?,
            &Policy { redirect_schemes: &redirect_schemes, open_scopes },
            7,
        )
    }

    fn with(member: &str, value: Value) -> Client {
        let mut document = json!({ "redirect_uris": ["https://client.example/cb"] });
        document[member] = value;
        register(&document).expect("acceptable")
    }

    #[test]
    fn cursor_registers_with_all_three_at_once() {
        let uris = json!([
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback"
        ]);
        let client = register(&json!({ "redirect_uris": uris, "token_endpoint_auth_method": "none" })).expect("Cursor");
        assert_eq!(json!(client.redirect_uris), uris);
        assert_eq!((client.auth_method, client.application_type), (AuthMethod::None, ApplicationType::Native));
    }

    #[test]
    fn unacceptable_redirects_are_dropped_and_the_rest_registered() {
        let uris = json!(["javascript:alert(1)", "https://client.example/cb", "http://evil.example/cb"]);
        assert_eq!(with("redirect_uris", uris).redirect_uris, ["https://client.example/cb"]);
        let none = json!({ "redirect_uris": ["javascript:alert(1)"] });
        assert_eq!(register(&none).expect_err("nothing left"), Refusal::NoAcceptableRedirectUri);
        assert_eq!(register(&json!({})).expect_err("none"), Refusal::NoRedirectUri);
    }

    #[test]
    fn methods_are_negotiated() {
        let method = |value| with("token_endpoint_auth_method", value).auth_method;
        assert_eq!(method(Value::Null), AuthMethod::ClientSecretBasic);
        assert_eq!(method(json!("client_secret_post")), AuthMethod::ClientSecretPost);
        assert_eq!(method(json!("tls_client_auth")), AuthMethod::None);
        assert_eq!(method(json!(["private_key_jwt", "client_secret_basic"])), AuthMethod::ClientSecretBasic);
        assert_eq!(method(json!(["none", "private_key_jwt"])), AuthMethod::None);
        assert_eq!(with("token_endpoint_auth_methods_supported", json!(["none"])).auth_method, AuthMethod::None);
        let broken = json!({ "redirect_uris": ["https://client.example/cb"], "jwks": { "keys": [] },
            "token_endpoint_auth_method": "private_key_jwt" });
        assert_eq!(register(&broken).expect_err("no keys"), Refusal::UnusableKeys);
    }

    #[test]
    fn grants_and_scopes_are_cut() {
        let grants = |value| {
            let client = with("grant_types", value);
            client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(grants(Value::Null), "authorization_code refresh_token");
        assert_eq!(grants(json!(["client_credentials", "authorization_code", "password"])), "authorization_code");
        assert_eq!(grants(json!(["refresh_token"])), "authorization_code refresh_token");
        let machine = json!({ "redirect_uris": ["https://client.example/cb"], "grant_types": ["client_credentials"] });
        assert_eq!(register(&machine).expect_err("machines are administered"), Refusal::NoAcceptableGrant);
        let scope = |text: &str| with("scope", json!(text)).scope.to_string();
        assert_eq!(scope("mcp.read offline_access postern.resource_server"), "mcp.read offline_access");
        assert_eq!(scope("mcp.read openid address"), "mcp.read openid");
        assert_eq!(scope("openid email profile"), "email mcp.admin mcp.read mcp.write openid profile");
        assert_eq!(scope(""), "mcp.admin mcp.read mcp.write");
    }

    #[test]
    fn addresses_after_signing_out_are_judged_like_redirect_uris() {
        let uris =
            json!(["https://client.example/out", "javascript:alert(1)", "http://evil.example/", "cursor://x/out"]);
        let client = with("post_logout_redirect_uris", uris);
        assert_eq!(client.openid.post_logout_redirect_uris, ["https://client.example/out", "cursor://x/out"]);
    }
}
