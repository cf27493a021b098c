//! Cross-site request forgery (RFC 9700 §4.7): every form that changes something is sent by another site, without its token, with the token
//! of another session, or with it in another place. Nothing happens. A route that takes a form fails here until it has a row.

use super::forms::{ADA, EVE, FORMS, Lock, Row, Stage, people, stage};
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, Form},
    visitors::{Ask, PASSWORD},
};
use auth_server::router::routes;
use axum::{body::Body, extract::Request};

const FORM: &str = "application/x-www-form-urlencoded";
/// Routes that a page of another site may post to, as OpenID Connect wants it: they do nothing but send the browser on.
const ON_THE_WAY: [&str; 3] = ["/oauth2/authorize", "/authorize", "/oauth2/end-session"];
/// Routes for programs, with which no cookie counts.
const FOR_PROGRAMS: [&str; 2] = ["/api/", "/oauth2/register/"];
/// What the browser says of a form that another page sent.
const FOREIGN: [&[(&str, &str)]; 9] = [
    &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "http://localhost:9401"), ("sec-fetch-site", "same-site")],
    &[("origin", "http://localhost:9401")],
    &[("origin", "http://localhost:9400.evil.example")],
    &[("origin", "https://localhost:9400")],
    &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "cross-site")],
    &[("origin", "http://localhost:9400"), ("sec-fetch-site", "cross-site")],
];

fn encoded(form: &Form) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish()
}

/// What would have changed: every act is a row of the audit log, at least.
async fn state(server: &TestServer) -> (i64, bool) {
    (server.rows().await, server.get("/").await.body.contains("Not set up yet"))
}

async fn is_signed_in(browser: &Browser<'_>, email: &str) -> bool {
    browser.copy().get("/").await.body.contains(email)
}

/// Sends what is forged; nothing may come of it.
async fn assert_refused(server: &TestServer, row: Row, staged: &Stage<'_>, forged: Forged<'_>) {
    let before = state(server).await;
    let mut browser = staged.browser.copy();
    let answer = match forged.method {
        "POST" => browser.submit_from(&forged.form, forged.headers).await,
        method => {
            let path = format!("{}?{}", forged.form.action, encoded(&forged.form));
            browser.ask(method, &path, forged.headers).await
        }
    };
    let context = format!("{} {} {:?}: {answer:?}", row.path, forged.why, forged.headers);
    assert!(forged.statuses.contains(&answer.status.as_u16()), "{context}");
    assert_eq!(answer.header("set-cookie"), "", "{context}");
    assert_eq!(state(server).await, before, "{context}");
    if !browser.cookies.is_empty() {
        assert!(is_signed_in(&staged.browser, ADA).await, "{context}");
    }
}

struct Forged<'a> {
    why: &'a str,
    method: &'a str,
    form: Form,
    headers: &'a [(&'a str, &'a str)],
    statuses: &'a [u16],
}

fn post<'a>(why: &'a str, form: &Form, headers: &'a [(&'a str, &'a str)], statuses: &'a [u16]) -> Forged<'a> {
    Forged { why, method: "POST", form: form.clone(), headers, statuses }
}

/// Every way to send a form without being our page, and, at last, ours.
async fn assault(row: Row) {
    let server = TestServer::start().await;
    people(&server, row).await;
    let mut staged = stage(&server, row, ADA).await;
    let ours: &[(&str, &str)] = &[("origin", "http://localhost:9400"), ("sec-fetch-site", "same-origin")];
    let right = staged.form.clone();
    for headers in FOREIGN {
        assert_refused(&server, row, &staged, post("from elsewhere", &right, headers, &[403])).await;
    }
    if row.lock != Lock::Link {
        let untold: &[(&str, &str)] = &[("origin", "null")];
        assert_refused(&server, row, &staged, post("from nowhere", &right, untold, &[403])).await;
    }
    for (why, forged) in forgeries(&server, row, &right).await {
        for headers in [ours, &[]] {
            assert_refused(&server, row, &staged, post(&why, &forged, headers, &[400, 403])).await;
        }
    }
    for method in ["GET", "HEAD"] {
        let forged =
            Forged { why: "as a link", method, form: right.clone(), headers: ours, statuses: &[200, 303, 400, 405] };
        assert_refused(&server, row, &staged, forged).await;
    }
    assert_no_other_body(&server, row, &staged).await;
    let before = state(&server).await;
    let answer = staged.browser.submit(&right).await;
    assert_eq!(answer.status.as_u16(), row.done, "{}: the form of our page: {answer:?}", row.path);
    assert_ne!(state(&server).await, before, "{}: and it changes something", row.path);
}

/// The form without the key to its lock, with another's, or with the right one in the wrong place.
async fn forgeries(server: &TestServer, row: Row, right: &Form) -> Vec<(String, Form)> {
    let name = match row.lock {
        Lock::Token => "csrf",
        Lock::Sealed => "form",
        Lock::Link => return Vec::new(),
    };
    let key = right.field(name).to_owned();
    assert!(key.len() >= 20, "{}: {name}={key}", row.path);
    let without = right.clone().without(name);
    let mut in_query = without.clone();
    in_query.action = format!("{}?{name}={key}", right.action);
    let mut forged = vec![
        ("no key".to_owned(), without),
        ("an empty key".to_owned(), right.clone().with(name, "")),
        ("half a key".to_owned(), right.clone().with(name, &key[..key.len() / 2])),
        ("a longer key".to_owned(), right.clone().with(name, &format!("{key}A"))),
        ("the key in the query".to_owned(), in_query),
        ("under another name".to_owned(), right.clone().without(name).with("csrf_token", &key)),
    ];
    if row.lock == Lock::Token {
        for (whose, email) in [("another person's", EVE), ("another browser's", ADA)] {
            let other = stage(server, row, email).await.form;
            assert_ne!(other.field(name), key);
            forged.push((format!("{whose} token"), right.clone().with(name, other.field(name))));
        }
    }
    forged
}

/// Bodies that a foreign page may send without asking (Fetch, "CORS-safelisted"), and JSON.
async fn assert_no_other_body(server: &TestServer, row: Row, staged: &Stage<'_>) {
    let before = state(server).await;
    let cookies: Vec<String> = staged.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
        let request = Request::post(&staged.form.action).header("cookie", cookies.join("; "));
        let request = request.header("content-type", content_type).body(Body::from(encoded(&staged.form)));
        let answer = server.send(request.expect("a request")).await;
        assert_eq!(answer.status, 415, "{} as {content_type}: {answer:?}", row.path);
    }
    assert_eq!(state(server).await, before, "{}", row.path);
}

#[tokio::test]
async fn nobody_else_submits_the_forms_of_signing_in_and_out() {
    for row in &FORMS[..3] {
        assault(*row).await;
    }
}

#[tokio::test]
async fn nobody_else_submits_the_forms_of_passwords_and_links() {
    for row in FORMS.iter().filter(|row| row.lock == Lock::Link || row.path == "/change-password") {
        assault(*row).await;
    }
}

#[tokio::test]
async fn nobody_else_submits_the_forms_that_clients_lead_to() {
    for row in FORMS.iter().filter(|row| row.path.starts_with("/oauth2/")) {
        assault(*row).await;
    }
}

#[tokio::test]
async fn nobody_else_takes_back_what_a_person_allowed() {
    for row in FORMS.iter().filter(|row| ["/grants/end", "/clients/end", "/sessions/end"].contains(&row.path)) {
        assault(*row).await;
    }
}

async fn methods(server: &TestServer, path: &str) -> String {
    let request = Request::builder().method("ZQ9").uri(path).body(Body::empty()).expect("a request");
    server.send(request).await.header("allow").to_owned()
}

async fn is_for_every_origin(server: &TestServer, path: &str) -> bool {
    let request = Request::post(path).header("origin", "https://evil.example").body(Body::empty());
    let answer = server.send(request.expect("a request")).await;
    assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    answer.header("access-control-allow-origin") == "*"
}

/// Whoever adds a route that changes something says here what keeps other sites from it, and the tests above or below try it.
#[tokio::test]
async fn every_route_that_changes_something_has_a_lock() {
    let server = TestServer::start().await;
    for path in routes(&server.app.settings) {
        let methods = methods(&server, &path.replace(['{', '}'], "")).await;
        if !["POST", "PUT", "PATCH", "DELETE"].iter().any(|method| methods.contains(method)) {
            continue;
        }
        let is_form = FORMS.iter().any(|row| row.path == path);
        let is_on_the_way = ON_THE_WAY.contains(&path.as_str());
        let is_for_programs =
            FOR_PROGRAMS.iter().any(|begin| path.starts_with(begin)) || is_for_every_origin(&server, &path).await;
        let locks = [is_form, is_on_the_way, is_for_programs].iter().filter(|lock| **lock).count();
        assert_eq!(locks, 1, "{methods} {path} needs exactly one lock");
    }
    for row in FORMS {
        assert!(routes(&server.app.settings).contains(row.path), "{} is no route", row.path);
    }
}

/// What is for programs answers a browser in which an administrator is signed in as it answers anybody.
#[tokio::test]
async fn no_cookie_counts_where_programs_ask() {
    let server = TestServer::start().await;
    server.add_administrator(ADA).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ours = [("origin", "http://localhost:9400"), ("sec-fetch-site", "same-origin"), ("content-type", FORM)];
    for path in routes(&server.app.settings) {
        if FORMS.iter().any(|row| row.path == path) || ON_THE_WAY.contains(&path.as_str()) {
            continue;
        }
        let path = path.replace(['{', '}'], "");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let with = browser.ask(method, &path, &ours).await;
            let without = Browser::new(&server).ask(method, &path, &ours).await;
            assert_eq!((with.status, &with.body), (without.status, &without.body), "{method} {path}");
            assert!(with.status.is_client_error(), "{method} {path}: {with:?}");
        }
    }
}

/// A form of a client's page takes the browser as far as a link of the client's would, and does nothing itself.
#[tokio::test]
async fn what_other_sites_may_post_to_only_leads_on() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let query = Ask::of(&client).path();
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(query.split_once('?').expect("a query").1.as_bytes()).into_owned().collect();
    let rows = server.rows().await;
    for path in ON_THE_WAY {
        let form = Form { action: path.to_owned(), fields: fields.clone() }.with("decision", "allow");
        let answer: Answer = browser.submit_from(&form, FOREIGN[0]).await;
        assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (303, ""), "{path}");
        assert!(
            ["/oauth2/consent?", "/oauth2/end-session?"].iter().any(|to| answer.header("location").starts_with(to))
        );
        let page = browser.follow(&answer).await;
        assert!(page.status == 200 && page.body.contains("<form id="), "{path} asks: {page:?}");
    }
    assert_eq!(server.rows().await, rows);
    assert!(is_signed_in(&browser, ADA).await);
}
