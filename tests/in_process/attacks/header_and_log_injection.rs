//! Header and log injection: what a stranger sends ends no header and no line, and no secret that anybody sends is ever written down.

use crate::auth_server::{
    Answer, TestServer,
    browser::Browser,
    given::{Given, SECRET, TOKEN, basic, confidential_client},
    visitors::{Ask, PASSWORD, WEBSITE, brought, consent_form},
};
use serde_json::json;
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::MakeWriter;

const ADA: &str = "ada@example.com";
const BREAKS: [&str; 6] =
    ["\r\nx-evil: 1", "\nx-evil: 1", "\rx-evil: 1", "\u{85}x-evil: 1", "\u{2028}x-evil: 1", "%0d%0ax-evil: 1"];

fn assert_whole(answer: &Answer, context: &str) {
    assert!(answer.headers.get("x-evil").is_none(), "{context}: {answer:?}");
    assert!(answer.status.as_u16() < 500, "{context}: {answer:?}");
    let breaks = |value: &http::HeaderValue| value.as_bytes().iter().any(|byte| *byte < 0x20 || *byte == 0x7f);
    assert!(!answer.headers.values().any(breaks), "{context}: {answer:?}");
}

#[tokio::test]
async fn nothing_that_is_sent_ends_a_header() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for text in BREAKS {
        for name in [
            "state",
            "scope",
            "resource",
            "nonce",
            "prompt",
            "response_type",
            "redirect_uri",
            "login_hint",
            "client_id",
        ] {
            let answer = server.get(&Ask::of(&client).with(name, &format!("a{text}")).path()).await;
            assert_whole(&answer, &format!("{name} {text:?}"));
        }
        let state = format!("a{text}");
        let answer = server.get(&Ask::of(&client).with("state", &state).with("response_type", "x").path()).await;
        assert_eq!(brought(&answer, WEBSITE)["state"], state, "it comes back as text");
        for name in ["grant_type", "client_id", "code", "scope", "resource", "refresh_token"] {
            assert_whole(&server.post_form(TOKEN, &[(name, &state)]).await, name);
        }
        let document = json!({ "redirect_uris": [WEBSITE, format!("https://a.example/{text}")], "client_name": "x", "scope": state });
        assert_whole(&server.post_json("/oauth2/register", &document).await, text);
        let path: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_whole(&server.get(&format!("/{path}")).await, text);
        assert_whole(&server.get(&format!("/set-up/{path}")).await, text);
    }
}

/// Collects what a process would write.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

/// Everything that our own code could write, the most talkative level included.
fn listen() -> (Written, tracing::subscriber::DefaultGuard) {
    let written = Written::default();
    let filter = tracing_subscriber::EnvFilter::new("info,auth_server=trace,shared=trace,keys=trace");
    let subscriber = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(written.clone()).finish();
    (written, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn no_secret_is_written_down_when_all_goes_well() {
    let server = TestServer::with_app().await;
    server.add_member(ADA).await;
    server.add_client(&confidential_client("machine")).await;
    let (written, _listening) = listen();
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let shown = consent_form(&mut browser, &Ask::of(&client)).await;
    let brought = brought(&browser.submit(&shown.clone().with("decision", "allow")).await, WEBSITE);
    let code = server.give(&Given::USUAL).await;
    let tokens = server.redeem(&code).await;
    let refreshed = server.refresh(&tokens.text("refresh_token")).await;
    let form = [("grant_type", "client_credentials"), ("scope", "mcp.read")];
    let machine = server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await;
    let token = machine.text("access_token");
    server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &[("token", &token)]).await;
    let management = server.machine_token().await;
    server.call("POST", "/api/events", &management, &serde_json::json!({"returnImmediately": true})).await;

    let mut secrets = vec![PASSWORD.to_owned(), SECRET.to_owned(), basic("machine", SECRET)[6..].to_owned()];
    secrets.extend([code, brought["code"].clone(), token, management, crate::auth_server::given::VERIFIER.to_owned()]);
    secrets.extend(["access_token", "refresh_token"].map(|name| tokens.text(name)));
    secrets.extend(["access_token", "refresh_token"].map(|name| refreshed.text(name)));
    secrets.extend(browser.cookies.values().cloned());
    secrets.extend(shown.fields.iter().map(|(_, value)| value.clone()).filter(|value| value.len() > 20));
    assert_none_is_written(&written.text(), &secrets);
}

#[tokio::test]
async fn no_secret_is_written_down_when_it_is_refused() {
    let server = TestServer::with_app().await;
    server.add_member(ADA).await;
    server.add_client(&confidential_client("machine")).await;
    let (written, _listening) = listen();
    let secrets =
        ["hunter2hunter2hunter2", "postern_rt_wrongwrongwrong", "postern_ac_wrongwrongwrong", "eyJhbGciOiJub25lIn0"];
    for secret in secrets {
        server.redeem(secret).await;
        server.refresh(secret).await;
        server.post_form_as(TOKEN, &basic("machine", secret), &[("grant_type", "client_credentials")]).await;
        server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &[("token", secret)]).await;
        server.post_form("/oauth2/revoke", &[("token", secret), ("client_id", "app")]).await;
        server.call("POST", &format!("/api/events?access_token={secret}"), secret, &serde_json::Value::Null).await;
        server.get(&format!("/set-up/{secret}")).await;
        server.get(&format!("/reset-password/{secret}")).await;
        server.get(&format!("/oauth2/consent?request={secret}")).await;
        server.get(&format!("/oauth2/authorize?client_id={secret}&state={secret}")).await;
        Browser::new(&server).sign_in("/sign-in", ADA, secret).await;
    }
    assert_none_is_written(&written.text(), &secrets.map(str::to_owned));
}

/// And that something was written at all: a test that hears nothing proves nothing.
fn assert_none_is_written(log: &str, secrets: &[String]) {
    assert!(log.contains("\"level\""), "nothing was written");
    for line in log.lines() {
        let found = secrets.iter().find(|secret| line.contains(secret.as_str()));
        assert!(found.is_none(), "{} is written down: {line}", found.map_or("", String::as_str));
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "one event a line: {line}");
    }
}
