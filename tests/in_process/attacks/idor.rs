//! Insecure direct object references: whoever learns an id, a sealed text or a link of somebody else, or of another place, has nothing by it.

use super::forms::{ADA, EVE, NEW_PASSWORD, reset_path, set_up_path};
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    given::{Given, SECRET, TOKEN, VERIFIER, basic, confidential_client, public_client},
    sign_on::{allow, redeem},
    visitors::{Ask, PASSWORD, consent_form},
};
use auth_server::users::known_device;
use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::protocol::opaque_token::TokenHash;
use std::fmt::Write as _;

const COOKIE: &str = "postern-9400";
const DEVICE: &str = "postern-9400-device";

/// Every kind of text that this server seals and hands to browsers, by where it belongs.
async fn sealed(server: &TestServer, ada: &mut Browser<'_>, client: &str) -> Vec<(&'static str, String)> {
    let ask = Ask::of(client);
    let consent = ada.get(&ask.path()).await;
    let leaving = ada.get("/oauth2/end-session").await;
    vec![
        ("sign-in", form(&server.get("/sign-in").await, "sign-in-form").field("form").to_owned()),
        ("sign-in", form(&server.get(&ask.path()).await, "sign-in-form").field("form").to_owned()),
        ("decision", form(&consent, "consent-form").field("request").to_owned()),
        ("request", form(&consent, "switch-form").field("request").to_owned()),
        ("question", form(&leaving, "end-session-form").field("asked").to_owned()),
        ("device", ada.cookies[DEVICE].clone()),
    ]
}

fn at(action: &str, fields: &[(&str, &str)]) -> Form {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Form { action: action.to_owned(), fields }
}

#[tokio::test]
async fn what_is_sealed_for_one_place_is_nothing_in_another() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let csrf = form(&ada.get("/").await, "sign-out-form").field("csrf").to_owned();
    let texts = sealed(&server, &mut ada, &client).await;
    let (rows, now) = (server.rows().await, server.app.clock.now());
    for (kind, text) in &texts {
        let sign_in = at("/sign-in", &[("form", text), ("email", ADA), ("password", PASSWORD)]);
        let decide = at("/oauth2/consent", &[("request", text), ("csrf", &csrf), ("decision", "allow")]);
        let confirm = at("/oauth2/end-session/confirm", &[("asked", text), ("csrf", &csrf), ("decision", "sign-out")]);
        for (place, form) in [("sign-in", sign_in), ("decision", decide), ("question", confirm)] {
            if place != *kind {
                let answer = ada.copy().submit(&form).await;
                assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (400, ""), "{kind} as {place}");
            }
        }
        let shown = ada.get(&format!("/oauth2/consent?request={text}")).await;
        assert_eq!(shown.status.as_u16(), if *kind == "request" { 200 } else { 400 }, "{kind} as request: {shown:?}");
        let known = known_device::find_user(&server.app.store, &server.app.sealing, text, now).await;
        assert_eq!(known.expect("an answer").is_some(), *kind == "device", "{kind} as a device");
        let mut stranger = Browser::new(&server);
        stranger.cookies.insert(COOKIE.to_owned(), text.clone());
        assert!(!stranger.get("/").await.body.contains(ADA), "{kind} as a session");
    }
    assert_eq!(server.rows().await, rows);
    assert!(ada.get("/").await.body.contains(ADA));
}

#[tokio::test]
async fn what_one_session_was_shown_no_other_decides() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(EVE).await;
    let client = server.register_client("Client").await;
    let mut first = Browser::signed_in(&server, ADA, PASSWORD).await;
    let shown = consent_form(&mut first, &Ask::of(&client)).await.with("decision", "allow");
    let asked = form(&first.get("/oauth2/end-session").await, "end-session-form").with("decision", "sign-out");
    for email in [ADA, EVE] {
        let mut other = Browser::signed_in(&server, email, PASSWORD).await;
        let csrf = form(&other.get("/").await, "sign-out-form").field("csrf").to_owned();
        for decision in ["allow", "deny"] {
            let answer = other.submit(&shown.clone().with("csrf", &csrf).with("decision", decision)).await;
            assert!(answer.header("location").starts_with("/oauth2/consent?"), "{email} {decision}: {answer:?}");
        }
        let answer = other.submit(&asked.clone().with("csrf", &csrf)).await;
        assert_eq!(answer.header("location"), "/", "{email}: {answer:?}");
        assert!(other.get("/").await.body.contains(email) && first.get("/").await.body.contains(ADA), "{email}");
    }
    let nobody = Browser::new(&server).submit(&shown).await;
    assert!(nobody.header("location").starts_with("/oauth2/consent?"), "{nobody:?}");
    assert_eq!(server.grants().await, 0);
    assert!(first.submit(&shown).await.header("location").contains("code="), "and it is still good where it was shown");
}

#[tokio::test]
async fn a_link_is_good_for_its_own_purpose() {
    let server = TestServer::start().await;
    let set_up = set_up_path(&server).await;
    server.add_member(ADA).await;
    let reset = reset_path(&server, ADA).await;
    let fields = [("email", "evil@example.com"), ("display_name", "x"), ("username", ADA), ("password", NEW_PASSWORD)];
    let rows = server.rows().await;
    for crossed in [set_up.replace("/set-up/", "/reset-password/"), reset.replace("/reset-password/", "/set-up/")] {
        for path in [crossed.clone(), format!("{crossed}%00"), format!("{crossed}%20"), crossed.to_uppercase()] {
            let answer = Browser::new(&server).submit(&at(&path, &fields)).await;
            assert!([404, 410].contains(&answer.status.as_u16()), "{path}: {answer:?}");
        }
    }
    assert_eq!(server.rows().await, rows);
    Browser::signed_in(&server, ADA, PASSWORD).await;
    assert_eq!(
        Browser::new(&server).submit(&at(&reset, &fields)).await.status,
        200,
        "it changes Ada's, whatever is sent"
    );
    Browser::signed_in(&server, ADA, NEW_PASSWORD).await;
    assert_eq!(Browser::new(&server).submit(&at(&set_up, &fields)).await.status, 303);
}

/// Ids that tokens, answers and logs show, and what a copy of the database holds of secrets.
async fn known_ids(server: &TestServer, tokens: &Answer) -> Vec<String> {
    let claims = tokens.claims();
    let form = [("token", tokens.text("access_token"))];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let told = server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &form).await.json();
    let members =
        ["sub", "jti", "client_id", "grant_id"].map(|name| claims[name].as_str().unwrap_or_default().to_owned());
    let mut ids: Vec<String> = members.into_iter().chain(told["grant_id"].as_str().map(str::to_owned)).collect();
    for secret in [tokens.text("refresh_token"), SECRET.to_owned(), tokens.text("access_token")] {
        let hash = TokenHash::of(&secret).0;
        let mut hex = String::new();
        hash.iter().for_each(|byte| write!(hex, "{byte:02x}").expect("text"));
        ids.extend([hex, URL_SAFE_NO_PAD.encode(hash)]);
    }
    ids.retain(|id| !id.is_empty());
    ids
}

#[tokio::test]
async fn an_id_or_a_hash_is_no_secret() {
    let server = TestServer::with_app().await;
    server.add_client(&confidential_client("machine")).await;
    let tokens = server.redeem(&server.give(&Given::USUAL).await).await;
    server.follow().await;
    let ids = known_ids(&server, &tokens).await;
    assert!(ids.len() >= 9, "{ids:?}");
    for id in ids {
        let invalid_grant = (400, "invalid_grant".to_owned());
        for prefix in ["", "postern_rt_", "postern_ac_"] {
            let id = format!("{prefix}{id}");
            assert_eq!(server.redeem(&id).await.refusal(), invalid_grant, "{id}");
            assert_eq!(server.refresh(&id).await.refusal(), invalid_grant, "{id}");
        }
        let form = [("grant_type", "client_credentials")];
        let answer = server.post_form_as(TOKEN, &basic("machine", &id), &form).await;
        assert!([401, 429].contains(&answer.status.as_u16()), "{id}: {answer:?}");
        for (method, path) in [("POST", "/api/events"), ("GET", "/oauth2/userinfo"), ("GET", "/oauth2/register/app")] {
            let answer = server.call(method, path, &id, &serde_json::Value::Null).await;
            assert_eq!(answer.status, 401, "{id} at {path}");
        }
        for value in [id.clone(), format!("postern_bs_{id}")] {
            let request = Request::get("/change-password").header("cookie", format!("{COOKIE}={value}"));
            let answer = server.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.header("location"), "/sign-in", "{value}");
        }
        for path in [format!("/set-up/{id}"), format!("/reset-password/postern_ol_{id}")] {
            assert_eq!(server.get(&path).await.status, 410, "{path}");
        }
    }
    assert_eq!(server.revoked_grants().await, 0);
    assert_eq!(server.refresh(&tokens.text("refresh_token")).await.status, 200, "and nothing ended by it");
}

/// Another client has the code, the refresh token and the access token of this one, and its id.
#[tokio::test]
async fn what_one_client_was_given_no_other_uses() {
    let server = TestServer::with_app().await;
    server.add_client(&public_client("other")).await;
    server.add_client(&confidential_client("nosy")).await;
    let tokens = server.redeem(&server.give(&Given::USUAL).await).await;
    server.follow().await;
    let refresh_token = tokens.text("refresh_token");
    let callers: [(&str, Option<String>); 2] = [("other", None), ("nosy", Some(basic("nosy", SECRET)))];
    for (caller, authorization) in &callers {
        let send = async |path: &str, form: &[(&str, &str)]| match authorization {
            Some(authorization) => server.post_form_as(path, authorization, form).await,
            None => server.post_form(path, &[form, &[("client_id", *caller)]].concat()).await,
        };
        let code = server.give(&Given::USUAL).await;
        let with_code = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
        let with_token = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
        for form in [&with_code[..], &with_token] {
            let answer = send(TOKEN, form).await;
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{caller}: {answer:?}");
        }
        for token in [&refresh_token, &tokens.text("access_token")] {
            let answer = send("/oauth2/revoke", &[("token", token)]).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{caller}");
            let told = send("/oauth2/introspect", &[("token", token)]).await;
            assert!(told.status == 401 || told.body == "{\"active\":false}", "{caller}: {told:?}");
        }
        // Both names in one request: the one that proves itself counts, or none.
        let both = [&with_token[..], &[("client_id", "app")]].concat();
        if authorization.is_some() {
            let answer = send(TOKEN, &both).await;
            assert!([400, 401].contains(&answer.status.as_u16()), "{answer:?}");
        }
    }
    assert_eq!(server.refresh(&refresh_token).await.status, 200);
}

#[tokio::test]
async fn userinfo_is_of_whoever_the_token_is_of() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(EVE).await;
    let client = server.register_client("Client").await;
    let mut eve = Browser::signed_in(&server, EVE, PASSWORD).await;
    let code = allow(&mut eve, &Ask::of(&client).with("scope", "openid email")).await;
    let token = redeem(&server, &client, &code).await.text("access_token");
    let ada = server.user_id(ADA).await;
    for query in [format!("sub={ada}"), format!("user_id={ada}"), format!("email={ADA}"), format!("id={ada}")] {
        let path = format!("/oauth2/userinfo?{query}");
        let answer = server.call("GET", &path, &token, &serde_json::Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.text("email")), (200, EVE.to_owned()), "{query}");
        assert!(!answer.body.contains(&ada), "{query}");
    }
}

#[tokio::test]
async fn what_somebody_else_allowed_or_where_they_are_signed_in_is_not_ended() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(EVE).await;
    let client = server.register_client("Client").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    for _ in 0..2 {
        let code = allow(&mut ada, &Ask::of(&client)).await;
        redeem(&server, &client, &code).await;
    }
    Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = ada.get("/").await;
    let theirs = ["end-grant-1-1-1-form", "end-client-1-form", "end-session-2-form"].map(|id| form(&page, id));
    let mut eve = Browser::signed_in(&server, EVE, PASSWORD).await;
    let csrf = form(&eve.get("/").await, "sign-out-form").field("csrf").to_owned();
    let rows = server.rows().await;
    for form in theirs {
        // As if there were none: nothing is told of whose it is.
        assert_eq!(eve.submit(&form.with("csrf", &csrf)).await.header("location"), "/");
    }
    assert_eq!(server.rows().await, rows, "nothing is written down either");
    let page = ada.get("/").await;
    form(&page, "end-client-1-form");
    form(&page, "end-session-2-form");
}
