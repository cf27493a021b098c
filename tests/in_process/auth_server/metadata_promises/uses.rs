//! How each advertised thing is used.

use super::clients::{Setting, is_let_in};
use crate::auth_server::{
    browser::form,
    given::{SECRET, basic, claims_of},
    visitors::{WEBSITE, brought},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

type Use = Result<(), String>;

fn must(holds: bool, what: impl std::fmt::Debug) -> Use {
    if holds { Ok(()) } else { Err(format!("{what:?}")) }
}

/// Uses the `value` that `document` advertises under `name`.
pub async fn use_it(setting: &Setting, document: &Value, name: &str, value: &Value) -> Use {
    let text = value.as_str().unwrap_or_default();
    match name {
        "issuer" => must(text == setting.server.app.issuer, text),
        "authorization_endpoint" => authorization_endpoint(setting, value).await,
        "token_endpoint" => token_endpoint(setting, value).await,
        "jwks_uri" => jwks(setting, value).await,
        "registration_endpoint" => registration_endpoint(setting, value).await,
        "revocation_endpoint" => revocation_endpoint(setting, value).await,
        "introspection_endpoint" => introspection_endpoint(setting, value).await,
        "userinfo_endpoint" => userinfo_endpoint(setting, value).await,
        "end_session_endpoint" => end_session_endpoint(setting, value).await,
        "scopes_supported" => scope(setting, text).await,
        "response_types_supported" => parameter(setting, "response_type", text).await,
        "response_modes_supported" => parameter(setting, "response_mode", text).await,
        "code_challenge_methods_supported" => parameter(setting, "code_challenge_method", text).await,
        "grant_types_supported" => grant_type(setting, text).await,
        "token_endpoint_auth_methods_supported" => auth_method(setting, &document["token_endpoint"], text).await,
        "revocation_endpoint_auth_methods_supported" => {
            auth_method(setting, &document["revocation_endpoint"], text).await
        }
        "introspection_endpoint_auth_methods_supported" => {
            auth_method(setting, &document["introspection_endpoint"], text).await
        }
        "token_endpoint_auth_signing_alg_values_supported" => {
            signing_algorithm(setting, &document["token_endpoint"], text).await
        }
        "revocation_endpoint_auth_signing_alg_values_supported" => {
            signing_algorithm(setting, &document["revocation_endpoint"], text).await
        }
        "introspection_endpoint_auth_signing_alg_values_supported" => {
            signing_algorithm(setting, &document["introspection_endpoint"], text).await
        }
        "authorization_response_iss_parameter_supported" => iss_parameter(setting, value).await,
        "subject_types_supported" => subject_type(setting, text).await,
        "id_token_signing_alg_values_supported" => id_token_algorithm(setting, text).await,
        "claims_supported" => claim(setting, text).await,
        "prompt_values_supported" => prompt(setting, text).await,
        "claims_parameter_supported" => ignored(setting, value, ("claims", r#"{"userinfo":{"email":null}}"#)).await,
        "request_parameter_supported" => refused(setting, value, "request", "request_not_supported").await,
        "request_uri_parameter_supported" => refused(setting, value, "request_uri", "request_uri_not_supported").await,
        _ => Err(format!("nobody here knows how {name} is used: say so in this table")),
    }
}

async fn authorization_endpoint(setting: &Setting, url: &Value) -> Use {
    let path = setting.ask(&setting.public).path();
    must(path.split('?').next() == Some(&setting.path(url)?), &path)?;
    let page = setting.server.get(&path).await;
    must(page.status == 200 && page.body.contains("id=\"sign-in-form\""), page)
}

async fn token_endpoint(setting: &Setting, url: &Value) -> Use {
    let answer = setting.machine_token(&setting.path(url)?).await;
    must(answer.status == 200, answer)
}

/// The key that signed a token is among the published ones.
async fn jwks(setting: &Setting, url: &Value) -> Use {
    let token = setting.machine_token("/token").await.text("access_token");
    let keys = setting.server.get(&setting.path(url)?).await.json();
    let kid = header_of(&token)["kid"].clone();
    must(keys["keys"].as_array().is_some_and(|keys| keys.iter().any(|key| key["kid"] == kid)), keys)
}

fn header_of(token: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

async fn registration_endpoint(setting: &Setting, url: &Value) -> Use {
    let answer = setting.server.post_json(&setting.path(url)?, &json!({ "redirect_uris": [WEBSITE] })).await;
    must(answer.status == 201, answer)
}

async fn revocation_endpoint(setting: &Setting, url: &Value) -> Use {
    let token = setting.machine_token("/token").await.text("access_token");
    let answer =
        setting.server.post_form_as(&setting.path(url)?, &basic("machine", SECRET), &[("token", &token)]).await;
    must(answer.status == 200, &answer)?;
    let now = shared::clock::Clock::now(&*setting.server.clock);
    let good =
        auth_server::tokens::inspect(&setting.server.app, &token, now).await.map_err(|error| error.to_string())?;
    must(good.is_none(), good)
}

async fn introspection_endpoint(setting: &Setting, url: &Value) -> Use {
    let token = setting.machine_token("/token").await.text("access_token");
    let answer =
        setting.server.post_form_as(&setting.path(url)?, &basic("machine", SECRET), &[("token", &token)]).await;
    must(answer.json()["active"] == true, answer)
}

async fn userinfo_endpoint(setting: &Setting, url: &Value) -> Use {
    let tokens = setting.connect(&setting.ask(&setting.public).with("scope", "openid mcp.read")).await;
    let answer = setting.server.call("GET", &setting.path(url)?, &tokens.text("access_token"), &Value::Null).await;
    must(answer.json()["sub"] == tokens.claims()["sub"], answer)
}

async fn end_session_endpoint(setting: &Setting, url: &Value) -> Use {
    let answer = setting.browser().await.get(&setting.path(url)?).await;
    must([200, 303].contains(&answer.status.as_u16()), answer)
}

async fn scope(setting: &Setting, scope: &str) -> Use {
    let beside = if scope.starts_with("mcp.") { String::new() } else { " mcp.read openid".to_owned() };
    let asked = if beside.contains(scope) { beside.trim().to_owned() } else { format!("{scope}{beside}") };
    let answer = setting.connect(&setting.ask(&setting.public).with("scope", &asked)).await;
    must(answer.status == 200, &answer)?;
    if scope == "offline_access" {
        return must(answer.json()["refresh_token"].is_string(), answer);
    }
    must(answer.text("scope").split(' ').any(|granted| granted == scope), answer)
}

/// A parameter of the authorization request, up to the code.
async fn parameter(setting: &Setting, name: &str, value: &str) -> Use {
    let answer = setting.connect(&setting.ask(&setting.public).with(name, value)).await;
    must(answer.status == 200, answer)
}

async fn grant_type(setting: &Setting, grant: &str) -> Use {
    let answer = match grant {
        "authorization_code" => setting.connect(&setting.ask(&setting.public)).await,
        "refresh_token" => {
            let token = setting.connect(&setting.ask(&setting.public)).await.text("refresh_token");
            let form = [("grant_type", grant), ("client_id", &*setting.public), ("refresh_token", &*token)];
            setting.server.post_form("/token", &form).await
        }
        "client_credentials" => setting.machine_token("/token").await,
        _ => return Err("nobody here knows how it is used: say so in this table".to_owned()),
    };
    must(answer.status == 200 && answer.json()["access_token"].is_string(), answer)
}

async fn auth_method(setting: &Setting, url: &Value, method: &str) -> Use {
    must(setting.lets_in(&setting.path(url)?, method).await?, "it was not let in")
}

async fn signing_algorithm(setting: &Setting, url: &Value, algorithm: &str) -> Use {
    let known = ["ES256", "RS256", "PS256", "EdDSA"].into_iter().find(|known| *known == algorithm);
    let known = known.ok_or("nobody here signs with it: say so in this table")?;
    let answer = setting.as_signer(&setting.path(url)?, &setting.signer(known).await).await;
    must(is_let_in(&answer), answer)
}

async fn iss_parameter(setting: &Setting, value: &Value) -> Use {
    must(*value == true, value)?;
    let good = setting.allow(&setting.ask(&setting.public)).await;
    must(good["iss"] == setting.server.app.issuer, &good)?;
    let answer = setting.server.get(&setting.ask(&setting.public).with("response_type", "token").path()).await;
    must(brought(&answer, WEBSITE)["iss"] == setting.server.app.issuer, answer)
}

async fn subject_type(setting: &Setting, kind: &str) -> Use {
    must(kind == "public", kind)?;
    let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none", "subject_type": kind });
    let other = setting.server.post_json("/register", &document).await.text("client_id");
    let scope = "openid mcp.read";
    let here = setting.connect(&setting.ask(&setting.public).with("scope", scope)).await;
    let there = setting.connect(&setting.ask(&other).with("scope", scope)).await;
    let same = claims_of(&here.text("id_token"))["sub"] == claims_of(&there.text("id_token"))["sub"];
    must(same, "two clients see two subjects")
}

async fn id_token_algorithm(setting: &Setting, algorithm: &str) -> Use {
    let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none",
        "id_token_signed_response_alg": algorithm });
    let client = setting.server.post_json("/register", &document).await.text("client_id");
    let answer = setting.connect(&setting.ask(&client).with("scope", "openid mcp.read")).await;
    must(header_of(&answer.text("id_token"))["alg"] == algorithm, answer)
}

/// In the ID token or at userinfo.
async fn claim(setting: &Setting, claim: &str) -> Use {
    let ask = setting.ask(&setting.public).with("scope", "openid profile email mcp.read").with("nonce", "n-1");
    let answer = setting.connect(&ask).await;
    let path = format!("{}/oauth2/userinfo", setting.base);
    let userinfo = setting.server.call("GET", &path, &answer.text("access_token"), &Value::Null).await.json();
    let id_token = claims_of(&answer.text("id_token"));
    must(userinfo.get(claim).or(id_token.get(claim)).is_some(), (userinfo, id_token))
}

async fn prompt(setting: &Setting, word: &str) -> Use {
    let path = setting.ask(&setting.public).with("prompt", word).path();
    if word == "none" {
        let answer = setting.server.get(&path).await;
        return must(brought(&answer, WEBSITE)["error"] == "login_required", answer);
    }
    let page = setting.browser().await.get(&path).await;
    match word {
        "login" => drop(form(&page, "sign-in-form")),
        "consent" | "select_account" => drop(form(&page, "consent-form")),
        _ => return Err("nobody here knows what it shows: say so in this table".to_owned()),
    }
    must(page.status == 200, page)
}

/// Said to be unsupported: it changes nothing.
async fn ignored(setting: &Setting, value: &Value, (name, sent): (&str, &str)) -> Use {
    must(*value == false, value)?;
    parameter(setting, name, sent).await
}

/// Said to be unsupported: the client is told so.
async fn refused(setting: &Setting, value: &Value, name: &str, code: &str) -> Use {
    must(*value == false, value)?;
    let answer = setting.server.get(&setting.ask(&setting.public).with(name, "https://a.example/x").path()).await;
    must(brought(&answer, WEBSITE)["error"] == code, answer)
}
