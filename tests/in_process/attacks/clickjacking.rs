//! Clickjacking (RFC 9700 §4.16): no answer of this server can be framed, whatever it answers and to whom, and no page runs or loads what
//! is not ours.

use super::forms::{ADA, FORMS, people, reset_path, set_up_path, stage};
use super::nth_fault::{FAULTS, Nth};
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    visitors::{Ask, PASSWORD},
};
use auth_server::{app::SCHEMA, router::routes};
use shared::db::{DatabaseUrl, PoolLimits, Store};
use std::{fs, path::Path, sync::Arc};

const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";
const CHROMIUM: [(&str, &str); 2] =
    [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), ("sec-fetch-dest", "iframe")];
/// What would run, load or frame something; each written as in lower-case HTML.
const ACTIVE: [&str; 15] = [
    "<script",
    "<style",
    " style=",
    "<iframe",
    "<frame",
    "<object",
    "<embed",
    "<base",
    "<applet",
    "http-equiv",
    "javascript:",
    "data:",
    " srcdoc",
    " srcset",
    "formaction",
];

fn assert_not_framed(answer: &Answer, context: &str) {
    let context = format!("{context}: {answer:?}");
    for name in ["content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy"] {
        assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name} of {context}");
    }
    let policy = answer.header("content-security-policy");
    assert!(policy.split(';').any(|directive| directive.trim() == "frame-ancestors 'none'"), "{context}");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{context}");
    assert_eq!(answer.header("x-frame-options"), "DENY", "{context}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{context}");
    assert!(["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")), "{context}");
    if answer.header("content-type").starts_with("text/html") {
        assert_eq!(policy, PAGE_POLICY, "{context}");
        assert_inert(&answer.body, &context);
    } else {
        assert!(!answer.body.contains("<html"), "{context}");
    }
}

/// No handler, no style of its own, and nothing from elsewhere.
fn assert_inert(html: &str, context: &str) {
    let lower = html.to_ascii_lowercase();
    for active in ACTIVE {
        assert!(!lower.contains(active), "{active} in {context}");
    }
    for tag in lower.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let mut attributes = tag.split_ascii_whitespace().skip(1);
        assert!(
            !attributes.any(|attribute| attribute.starts_with("on") && attribute.contains('=')),
            "{tag} in {context}"
        );
        for name in [" src=\"", " href=\"", " action=\""] {
            let Some((_, value)) = tag.split_once(name) else { continue };
            let is_a_link = name == " href=\"" && tag.starts_with("a ");
            let is_local = value.starts_with('/') && !value.starts_with("//") || value.starts_with('#');
            assert!(is_a_link || is_local || value.starts_with("{{"), "{tag} in {context}");
        }
    }
}

#[tokio::test]
async fn no_answer_of_any_route_is_framed() {
    for settings in ["", "public_url = \"https://auth.example/t\""] {
        let server = TestServer::start_with(settings).await;
        server.add_administrator(ADA).await;
        let base = if settings.is_empty() { "" } else { "/t" };
        let strange = Browser::new(&server);
        let signed_in = Browser::signed_in_below(&server, base, ADA, PASSWORD).await;
        let nowhere = ["/nowhere", "/sign-in/", "/livez", "/readyz", "/health"].map(str::to_owned);
        for path in routes(&server.app.settings).into_iter().chain(nowhere) {
            let path = path.replace(['{', '}'], "");
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                for browser in [&strange, &signed_in] {
                    for headers in [&CHROMIUM[..], &[("sec-fetch-site", "cross-site")]] {
                        let answer = browser.copy().ask(method, &path, headers).await;
                        assert_not_framed(&answer, &format!("{method} {path} {headers:?}"));
                    }
                }
            }
        }
    }
}

/// Every page that says why not, reached as a browser reaches it.
#[tokio::test]
async fn no_page_that_says_no_is_framed() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::new(&server);
    let sign_in = form(&browser.get("/sign-in").await, "sign-in-form").with("email", ADA).with("password", "wrong one");
    let at = |action: &str, name: &str, value: &str| Form {
        action: action.to_owned(),
        fields: vec![(name.to_owned(), value.to_owned())],
    };
    let foreign = [("origin", "https://evil.example")];
    let mut answers = vec![
        (403, browser.submit_from(&sign_in, &foreign).await),
        (403, browser.submit(&sign_in).await),
        (400, browser.submit(&sign_in.clone().with("form", "forged")).await),
        (413, browser.submit(&sign_in.clone().with("email", &"x".repeat(70_000))).await),
        (415, server.post_json("/sign-in", &serde_json::json!({})).await),
        (400, server.get(&Ask::of("nobody").path()).await),
        (400, server.get(&Ask::of(&client).with("redirect_uri", "https://evil.example/").path()).await),
        (400, server.get("/oauth2/consent?request=forged").await),
        (400, browser.submit(&at("/oauth2/consent", "request", "forged")).await),
        (400, browser.submit(&at("/oauth2/end-session/confirm", "asked", "forged")).await),
        (410, server.get("/set-up/forged").await),
        (410, server.get("/reset-password/forged").await),
        (410, browser.submit(&at("/set-up/forged", "password", PASSWORD)).await),
        (410, browser.submit(&at("/reset-password/forged", "password", PASSWORD)).await),
        (404, browser.ask("GET", "/nowhere", &CHROMIUM).await),
    ];
    while answers.last().is_none_or(|(_, answer)| answer.status != 429) {
        let answer = browser.submit(&sign_in).await;
        let status = if answer.status == 429 { 429 } else { 403 };
        answers.push((status, answer));
    }
    for (status, answer) in &answers {
        assert_eq!(answer.status.as_u16(), *status, "{answer:?}");
        assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
        assert_not_framed(answer, "a refusal");
    }
}

#[tokio::test]
async fn no_page_of_a_failing_server_is_framed() {
    let faults = Arc::new(Nth::default());
    let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
    let store = Store::open(&url, &SCHEMA, PoolLimits::default()).await.expect("a database in memory");
    let server = TestServer::start_on(store.with_faults(faults.clone()), "").await;
    server.add_member(ADA).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut failed = 0;
    for path in ["/", "/sign-in", "/change-password", "/oauth2/end-session", "/set-up/x", "/reset-password/x"] {
        for fault in FAULTS {
            faults.arm(1, fault);
            let answer = browser.get(path).await;
            faults.disarm();
            failed += usize::from(answer.status == 503);
            assert_not_framed(&answer, path);
        }
    }
    assert!(failed >= 4, "{failed} pages failed");
}

/// Each form on its page, and each page that answers it.
#[tokio::test]
async fn no_form_and_no_answer_to_one_is_framed() {
    for row in FORMS {
        let server = TestServer::start().await;
        people(&server, row).await;
        let mut staged = stage(&server, row, ADA).await;
        let wrong = staged.form.clone().with("password", "short");
        for form in [&wrong, &staged.form.clone()] {
            let answer = staged.browser.submit(form).await;
            assert_not_framed(&answer, row.path);
            if answer.status == 303 {
                let next = answer.header("location").to_owned();
                if next.starts_with('/') {
                    assert_not_framed(&staged.browser.get(&next).await, &next);
                }
            }
        }
    }
    let server = TestServer::start().await;
    assert_not_framed(&server.get(&set_up_path(&server).await).await, "the set-up page");
    server.add_member(ADA).await;
    assert_not_framed(&server.get(&reset_path(&server, ADA).await).await, "the page for a new password");
}

/// What a page would say in a case that no test reaches.
#[test]
fn no_template_runs_or_loads_anything() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../auth-server/templates");
    let mut templates = 0;
    for entry in fs::read_dir(directory).expect("the templates") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        templates += 1;
        let text = fs::read_to_string(&path).expect("text");
        assert_inert(&text, &path.display().to_string());
        for unescaped in ["|safe", "| safe", "escape = \"none\"", "autoescape false"] {
            assert!(!text.contains(unescaped), "{unescaped} in {}", path.display());
        }
    }
    assert!(templates >= 9, "{templates}");
}
