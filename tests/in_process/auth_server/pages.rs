//! What holds for every page: its policy, its files, its limits.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    test_server::RESOURCE,
    visitors::{Ask, PASSWORD},
};

async fn every_page(server: &TestServer) -> Vec<Answer> {
    server.add_member("ada@example.com").await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(server, "ada@example.com", PASSWORD).await;
    let mut pages = vec![
        browser.get(&Ask::of(&client).path()).await,
        browser.get(&Ask::of(&client).with("scope", "openid email").with("resource", "").path()).await,
        browser.get("/oauth2/end-session").await,
        browser.get("/").await,
        browser.get("/signed-out").await,
        Browser::new(server).sign_in("/sign-in", "ada@example.com", "wrong password").await,
    ];
    for path in [
        "/",
        "/sign-in",
        "/oauth2/authorize",
        "/oauth2/consent",
        "/oauth2/end-session",
        "/set-up/x",
        "/reset-password/x",
    ] {
        pages.push(server.get(path).await);
    }
    pages
}

#[tokio::test]
async fn every_page_is_locked_down() {
    let server = TestServer::start().await;
    for page in every_page(&server).await {
        let policy = page.header("content-security-policy");
        assert_eq!(
            policy, "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{page:?}"
        );
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert!(["same-origin", "no-referrer"].contains(&page.header("referrer-policy")), "{page:?}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("access-control-allow-origin"), "");
        assert_eq!(page.header("cross-origin-opener-policy"), "", "it would break clients that use a pop-up");
        for forbidden in ["<script", " style=", "<style", " onclick", "javascript:", "http-equiv", "src="] {
            assert!(!page.body.contains(forbidden), "{forbidden} in {page:?}");
        }
        assert!(page.body.contains("<html lang=\"en\">") && page.body.contains("name=\"viewport\""));
        assert_eq!(page.body.matches("<h1").count(), 1, "one heading: {page:?}");
        assert_eq!(page.body.matches("<main").count(), 1);
    }
}

#[tokio::test]
async fn forms_are_told_from_foreign_ones_by_browsers_without_sec_fetch_site() {
    let server = TestServer::start().await;
    server.add_member("ada@example.com").await;
    let page = server.get("/sign-in").await;
    assert_eq!(page.header("referrer-policy"), "same-origin", "with it the browser tells the origin of our own form");
    let form = form(&page, "sign-in-form").with("email", "ada@example.com").with("password", PASSWORD);
    for (origin, status) in [("http://localhost:9400", 303), ("null", 403), ("https://evil.example", 403)] {
        assert_eq!(Browser::new(&server).submit_from(&form, &[("origin", origin)]).await.status, status, "{origin}");
    }
    for path in ["/set-up/x", "/reset-password/x"] {
        assert_eq!(server.get(path).await.header("referrer-policy"), "no-referrer", "the link is a secret");
        let nowhere = super::browser::Form { action: path.to_owned(), fields: Vec::new() };
        for (origin, status) in [("null", 410), ("https://evil.example", 403)] {
            assert_eq!(Browser::new(&server).submit_from(&nowhere, &[("origin", origin)]).await.status, status);
        }
        let foreign = [("origin", "null"), ("sec-fetch-site", "cross-site")];
        assert_eq!(Browser::new(&server).submit_from(&nowhere, &foreign).await.status, 403);
    }
}

#[tokio::test]
async fn who_lost_the_way_gets_a_page_and_a_program_gets_json() {
    let server = TestServer::start().await;
    for path in ["/nowhere", "/assets/nothing.css"] {
        let chromium = [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
        let page = Browser::new(&server).ask("GET", path, &chromium).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"));
        assert!(page.body.contains("There is nothing here") && !page.body.contains("nowhere"));
        for accept in ["*/*", "application/json", ""] {
            let answer = Browser::new(&server).ask("GET", path, &[("accept", accept)]).await;
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{accept}");
            assert_eq!(answer.text("error_description"), "There is nothing at this URL.");
        }
    }
}

/// MCP clients are often given the URL of the wrong server.
#[tokio::test]
async fn who_looks_for_tools_here_is_told_where_they_are() {
    for (default, told) in [(RESOURCE, true), ("http://localhost:9999/mcp", false)] {
        let server = TestServer::start_with(&format!("default_resource = \"{default}\"")).await;
        let said = server.get("/mcp").await.text("error_description");
        assert_eq!(
            said.contains(&format!("The MCP server is at {default}.")),
            told,
            "only one that is registered: {said}"
        );
    }
}

#[tokio::test]
async fn every_field_has_its_label() {
    let server = TestServer::start().await;
    for page in every_page(&server).await {
        for input in page.body.split("<input").skip(1).map(|rest| &rest[..rest.find('>').expect("a tag")]) {
            if input.contains("type=\"hidden\"") {
                continue;
            }
            let id = input.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
            assert!(page.body.contains(&format!("<label for=\"{id}\"")), "{id}");
        }
    }
}

#[tokio::test]
async fn the_stylesheet_and_icon_stay_for_a_year_under_their_hash() {
    let server = TestServer::start().await;
    let page = server.get("/sign-in").await;
    for (mark, content_type) in [("/assets/style-", "text/css"), ("/assets/icon-", "image/svg+xml")] {
        let start = page.body.find(mark).expect("a link");
        let path = &page.body[start..start + page.body[start..].find('"').expect("its end")];
        let asset = server.get(path).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("content-type").starts_with(content_type));
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(!asset.body.contains("http:") || content_type == "image/svg+xml", "nothing comes from elsewhere");
    }
    assert_eq!(server.get("/assets/style-000000000000.css").await.status, 404);
    assert_eq!(server.get("/assets/..%2Fconfig").await.status, 404);
}

#[tokio::test]
async fn forms_that_are_no_forms_are_refused() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/sign-in").await;
    let large = form(&page, "sign-in-form").with("email", &"x".repeat(70_000));
    assert_eq!(browser.submit(&large).await.status, 413);
    let json = server.post_json("/sign-in", &serde_json::json!({ "email": "ada@example.com" })).await;
    assert_eq!(json.status, 415);
    let mut twice = form(&page, "sign-in-form");
    twice.fields.push(("email".to_owned(), "a@example.com".to_owned()));
    twice.fields.push(("email".to_owned(), "b@example.com".to_owned()));
    assert_eq!(browser.submit(&twice).await.status, 400);
}
