//! What other servers advertise and this one does not, and how each of it is refused.

use super::clients::{Setting, is_let_in};
use crate::auth_server::{
    given::{SECRET, basic},
    visitors::WEBSITE,
};
use serde_json::json;
use shared::protocol::jwt::CLIENT_ASSERTION_TYPE;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Members and values.
pub const NAMES: &[(&str, &str)] = &[
    ("response_types_supported", "token"),
    ("response_types_supported", "id_token"),
    ("response_types_supported", "id_token token"),
    ("response_types_supported", "code token"),
    ("response_types_supported", "code id_token"),
    ("response_types_supported", "code id_token token"),
    ("response_types_supported", "none"),
    ("response_modes_supported", "fragment"),
    ("response_modes_supported", "form_post"),
    ("response_modes_supported", "query.jwt"),
    ("code_challenge_methods_supported", "plain"),
    ("code_challenge_methods_supported", "s256"),
    ("prompt_values_supported", "create"),
    ("grant_types_supported", "password"),
    ("grant_types_supported", "implicit"),
    ("grant_types_supported", JWT_BEARER),
    ("grant_types_supported", DEVICE_CODE),
    ("grant_types_supported", TOKEN_EXCHANGE),
    ("token_endpoint_auth_methods_supported", "client_secret_jwt"),
    ("token_endpoint_auth_methods_supported", "tls_client_auth"),
    ("token_endpoint_auth_methods_supported", "self_signed_tls_client_auth"),
    ("introspection_endpoint_auth_methods_supported", "none"),
    ("token_endpoint_auth_signing_alg_values_supported", "none"),
    ("token_endpoint_auth_signing_alg_values_supported", "HS256"),
    ("token_endpoint_auth_signing_alg_values_supported", "RS512"),
    ("token_endpoint_auth_signing_alg_values_supported", "ES384"),
    ("scopes_supported", "postern.resource_server"),
    ("scopes_supported", "address"),
    ("scopes_supported", "phone"),
];

/// What an authorization request is refused with, by the member that would advertise the value.
fn of_authorization(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "response_types_supported" => ("response_type", "unsupported_response_type"),
        "response_modes_supported" => ("response_mode", "invalid_request"),
        "code_challenge_methods_supported" => ("code_challenge_method", "invalid_request"),
        "prompt_values_supported" => ("prompt", "invalid_request"),
        _ => return None,
    })
}

/// Tries `value`, which nobody advertised under `name`.
pub async fn try_it(setting: &Setting, name: &str, value: &str) -> Result<(), String> {
    let told = |answer: &dyn std::fmt::Debug| Err(format!("{answer:?}"));
    if let Some((parameter, code)) = of_authorization(name) {
        let answer = setting.browser().await.get(&setting.ask(&setting.public).with(parameter, value).path()).await;
        let refusal = format!("error={code}");
        let location = answer.header("location");
        let is_refused = location.starts_with(WEBSITE) && location.contains(&refusal) && !location.contains("code=");
        return if is_refused { Ok(()) } else { told(&answer) };
    }
    let answer = match name {
        "grant_types_supported" => {
            let form = [
                ("grant_type", value),
                ("username", "ada@example.com"),
                ("password", "x"),
                ("assertion", "x"),
                ("device_code", "x"),
                ("subject_token", "x"),
            ];
            let answer = setting.server.post_form_as("/token", &basic("basic", SECRET), &form).await;
            return if answer.refusal() == (400, "unsupported_grant_type".to_owned()) { Ok(()) } else { told(&answer) };
        }
        "scopes_supported" => {
            let asked = format!("{value} mcp.read");
            let answer = setting.connect(&setting.ask(&setting.public).with("scope", &asked)).await;
            let granted = answer.text("scope");
            return if granted.split(' ').any(|scope| scope == value) { told(&granted) } else { Ok(()) };
        }
        "introspection_endpoint_auth_methods_supported" => {
            let path = format!("{}/oauth2/introspect", setting.base);
            setting.server.post_form(&path, &[("token", "x"), ("client_id", &setting.public)]).await
        }
        "token_endpoint_auth_methods_supported" => {
            let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": value });
            let registered = setting.server.post_json("/register", &document).await;
            if registered.text("token_endpoint_auth_method") == value {
                return told(&registered);
            }
            let form = [
                &Setting::NOTHING[..],
                &[("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", "e30.e30.x")],
            ]
            .concat();
            setting.server.post_form("/token", &form).await
        }
        "token_endpoint_auth_signing_alg_values_supported" => {
            let mut signer = setting.signer("ES256").await;
            signer.key.algorithm = NAMES.iter().find(|(_, known)| *known == value).map_or("none", |(_, known)| known);
            setting.as_signer("/token", &signer).await
        }
        _ => return Err("nobody here knows how it is tried: say so in this table".to_owned()),
    };
    if answer.status == 401 && !is_let_in(&answer) { Ok(()) } else { told(&answer) }
}
