//! A web page of another origin as the client, in Chromium: discovery, registration, sign-in, tools, refresh, step-up and revocation with
//! `fetch`, so that whatever CORS does not allow fails here.

use serde_json::json;
use system_tests::{postern::Home, script::Script};

const EMAIL: &str = "radia@example.com";
const PASSWORD: &str = "a graph whose crucial property";
/// A page that may call.
const PAGE: &str = "https://app.example";
/// A page that may not.
const FOREIGN_PAGE: &str = "https://evil.example";

async fn main_job(mut home: Home) -> anyhow::Result<()> {
    home.set("POSTERN__RESOURCE_SERVER__ALLOWED_ORIGINS", PAGE);
    let _postern = home.start().await?;
    home.add_administrator(EMAIL, PASSWORD).await?;
    let input = json!({
        "mcp_url": home.mcp_url(), "page_origin": PAGE, "foreign_origin": FOREIGN_PAGE, "email": EMAIL, "password": PASSWORD,
        "event": { "title": "Launch" },
    });
    let mut script = Script::start("browser_page", &input)?;
    let discovered = script.step("discovered").await?;
    assert_eq!(discovered["status"], 401);
    assert_eq!((&discovered["resource"], &discovered["issuer"]), (&json!(home.mcp_url()), &json!(home.issuer())));
    let registered = script.step("registered").await?;
    assert_eq!(registered["status"], 201, "{registered}");
    let authorized = script.step("authorized").await?;
    assert_eq!(
        (&authorized["status"], &authorized["granted_scope"]),
        (&json!(200), &json!("mcp.read")),
        "{authorized}"
    );
    let tools = script.step("tools").await?;
    assert_eq!(tools["names"], json!(["clear_events", "create_event", "list_events", "whoami"]));
    assert!(tools["readable"]["x-ratelimit-remaining"].is_string(), "{tools}");
    assert_eq!(script.step("foreign_page").await?["learned"], "nothing");
    let refreshed = script.step("refreshed").await?;
    assert_eq!((&refreshed["status"], &refreshed["rotated"]), (&json!(200), &json!(true)), "{refreshed}");
    assert_eq!(script.step("whoami").await?["status"], 200);
    let insufficient = script.step("insufficient_scope").await?;
    let challenge = insufficient["challenge"].as_str().unwrap_or_default();
    assert!(insufficient["status"] == 403 && challenge.contains("scope=\"mcp.read mcp.write\""), "{insufficient}");
    let stepped_up = script.step("stepped_up").await?;
    assert_eq!((&stepped_up["signed_in"], &stepped_up["granted_scope"]), (&json!(false), &json!("mcp.read mcp.write")));
    let created = script.step("created").await?;
    assert!(created["body"]["result"]["structuredContent"]["event"].is_object(), "{created}");
    script.step("revoke_now").await?;
    home.revoke_grants_of(registered["client_id"].as_str().unwrap_or_default()).await?;
    script.go_on("revoked").await?;
    let revoked = script.step("revoked").await?;
    assert!(revoked["challenge"].as_str().is_some_and(|challenge| challenge.contains("invalid_token")), "{revoked}");
    script.step("done").await.map(drop)
}

#[tokio::test]
async fn a_page_of_another_origin_does_the_main_job() -> anyhow::Result<()> {
    main_job(Home::new()?).await
}

#[tokio::test]
async fn a_page_of_another_origin_does_the_main_job_at_a_root_resource() -> anyhow::Result<()> {
    main_job(Home::with_mcp_path("/")?).await
}
