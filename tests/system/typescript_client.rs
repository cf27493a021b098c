//! The TypeScript clients that most MCP clients are built on, against the release binary, with a person in Chromium: the current one, and
//! the first SDK, which cannot step up while it has a refresh token.

use serde_json::{Value, json};
use system_tests::postern::Home;
use system_tests::script::Script;

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a bug in the relay, taped into the log";
/// `@modelcontextprotocol/client`.
const CURRENT_SDK: &str = "client";
/// `@modelcontextprotocol/sdk`.
const FIRST_SDK: &str = "sdk";

/// Exchanges of a step with this status, as `METHOD path`.
fn with_status(step: &Value, status: u16) -> Vec<String> {
    let exchanges = step["exchanges"].as_array().cloned().unwrap_or_default();
    let chosen = exchanges.iter().filter(|exchange| exchange["status"] == status);
    chosen.map(|exchange| format!("{} {}", exchange["method"].as_str().unwrap_or(""), path(&exchange["url"]))).collect()
}

fn path(url: &Value) -> String {
    url.as_str().and_then(|url| url::Url::parse(url).ok()).map(|url| url.path().to_owned()).unwrap_or_default()
}

fn challenge(step: &Value, status: u16) -> String {
    let exchanges = step["exchanges"].as_array().cloned().unwrap_or_default();
    let challenges = exchanges.iter().filter(|exchange| exchange["status"] == status);
    challenges.filter_map(|exchange| exchange["challenge"].as_str()).collect::<Vec<_>>().join("\n")
}

fn text_of(step: &Value) -> String {
    assert_ne!(step["result"]["isError"], json!(true), "{step}");
    step["result"]["content"].to_string()
}

/// Scopes as a sorted list: their order says nothing. The SDK adds `offline_access` to what it asks for when the issuer lists it.
fn scopes(value: &Value) -> Vec<&str> {
    let asked = value.as_str().unwrap_or_default().split(' ');
    let mut scopes: Vec<&str> = asked.filter(|scope| *scope != "offline_access").collect();
    scopes.sort_unstable();
    scopes
}

async fn start(home: &Home, sdk: &str, mode: &str, java_script: bool) -> anyhow::Result<Script> {
    home.add_administrator(EMAIL, PASSWORD).await?;
    let event = json!({ "title": "Launch", "starts_at": "2030-01-01T10:00:00Z" });
    let input = json!({
        "mcp_url": home.mcp_url(), "email": EMAIL, "password": PASSWORD, "sdk": sdk, "mode": mode, "java_script": java_script,
        "event": event,
    });
    Script::start("typescript_client", &input)
}

async fn discovers_and_authorizes(script: &mut Script, home: &Home) -> anyhow::Result<String> {
    let discovered = script.step("discovered").await?;
    let challenge = challenge(&discovered, 401);
    assert!(challenge.starts_with("Bearer ") && challenge.contains("resource_metadata="), "{challenge}");
    assert!(!challenge.contains("error="), "no token was sent, so nothing is wrong with it: {challenge}");
    let found = with_status(&discovered, 200);
    assert!(found.contains(&format!("GET {}", home.metadata_path())), "{found:?}");
    assert!(found.contains(&"GET /.well-known/oauth-authorization-server".to_owned()), "{found:?}");
    assert_eq!(with_status(&discovered, 201), ["POST /oauth2/register"]);

    let authorized = script.step("authorized").await?;
    assert_eq!(authorized["asked"]["resource"], json!(home.mcp_url()));
    assert_eq!(authorized["asked"]["code_challenge_method"], "S256");
    assert_eq!(authorized["came_back_with"], json!(["code", "iss", "state"]));
    assert_eq!(authorized["iss"], json!(home.issuer()));
    assert_eq!(authorized["signed_in"], true);
    assert!(authorized["consent_text"].as_str().is_some_and(|text| text.contains("TypeScript test client")));
    assert_eq!(scopes(&authorized["granted_scope"]), ["mcp.read"]);
    assert_eq!(authorized["token_type"].as_str().map(str::to_ascii_lowercase).as_deref(), Some("bearer"));
    assert_eq!(authorized["expires_in"], 900);
    assert_eq!(authorized["has_refresh_token"], true);
    Ok(discovered["client_id"].as_str().unwrap_or_default().to_owned())
}

async fn calls_and_refreshes(script: &mut Script, client_id: &str) -> anyhow::Result<()> {
    script.step("connected").await?;
    let tools = script.step("tools").await?;
    let names = tools["names"].as_array().cloned().unwrap_or_default();
    assert!(names.contains(&json!("whoami")) && names.contains(&json!("list_events")), "{tools}");
    let whoami = text_of(&script.step("whoami").await?);
    assert!(whoami.contains(client_id) && whoami.contains("administrator"), "whoami knows client and person: {whoami}");
    assert!(!text_of(&script.step("events").await?).contains("Launch"));

    let refreshed = script.step("refreshed").await?;
    assert!(challenge(&refreshed, 401).contains("error=\"invalid_token\""), "{refreshed}");
    assert_eq!(refreshed["rotated"], true);
    assert_eq!(refreshed["fresh_access_token"], true);
    assert!(text_of(&refreshed).contains(client_id), "the call went through after the refresh");
    Ok(())
}

async fn steps_up(script: &mut Script) -> anyhow::Result<()> {
    let insufficient = challenge(&script.step("insufficient_scope").await?, 403);
    assert!(
        insufficient.contains("error=\"insufficient_scope\"") && insufficient.contains("mcp.write"),
        "{insufficient}"
    );
    let stepped_up = script.step("stepped_up").await?;
    assert_eq!(scopes(&stepped_up["asked"]["scope"]), ["mcp.read", "mcp.write"]);
    assert_eq!(stepped_up["signed_in"], false, "the person is still signed in");
    assert_eq!(scopes(&stepped_up["granted_scope"]), ["mcp.read", "mcp.write"]);
    Ok(())
}

/// A 403 with all it needs, a refresh, and then a link: what is allowed there is in the next refresh, without another registration or grant.
async fn steps_up_by_link(script: &mut Script, home: &Home) -> anyhow::Result<()> {
    let refused = script.step("insufficient_scope").await?;
    assert!(challenge(&refused, 403).contains("scope=\"mcp.read mcp.write\""), "{refused}");
    assert_eq!(with_status(&refused, 200).iter().filter(|exchange| **exchange == "POST /oauth2/token").count(), 1);
    assert_eq!(refused["refused"]["isError"], true, "{refused}");
    let allowed = script.step("allowed_more").await?;
    let link = allowed["link"].as_str().unwrap_or_default();
    assert!(link.starts_with(&format!("{}/step-up?grant=", home.issuer())), "{link}");
    assert_eq!(allowed["signed_in"], false, "the person is still signed in");
    assert!(allowed["asked_text"].as_str().is_some_and(|text| text.contains("Create events for you")), "{allowed}");
    assert!(allowed["answer_text"].as_str().is_some_and(|text| text.contains("It is allowed")), "{allowed}");
    let again = script.step("called_again").await?;
    text_of(&again);
    assert!(with_status(&again, 201).is_empty(), "{again}");
    let stepped_up = script.step("stepped_up").await?;
    assert_eq!(scopes(&stepped_up["granted_scope"]), ["mcp.read", "mcp.write"]);
    Ok(())
}

async fn calls_what_needed_more(script: &mut Script) -> anyhow::Result<()> {
    text_of(&script.step("created").await?);
    assert!(text_of(&script.step("events_after").await?).contains("Launch"));
    Ok(())
}

async fn loses_access(script: &mut Script, home: &Home, client_id: &str) -> anyhow::Result<()> {
    script.step("revoke_now").await?;
    home.revoke_grants_of(client_id).await?;
    script.go_on("revoked").await?;
    let revoked = script.step("revoked").await?;
    assert_eq!(revoked["status"], 401, "{revoked}");
    let asked = script.step("asked_to_authorize_again").await?;
    assert_eq!(asked["keeps_client"], true, "a revoked grant is no reason to forget the registration");
    assert!(with_status(&asked, 400).contains(&"POST /oauth2/token".to_owned()), "{asked}");
    let browser = script.step("browser").await?;
    assert_eq!(browser["complaints"], json!([]), "the pages ran into their own content security policy");
    script.step("done").await.map(drop)
}

async fn main_job(home: Home, sdk: &str, mode: &str, java_script: bool) -> anyhow::Result<()> {
    let _postern = home.start().await?;
    let mut script = start(&home, sdk, mode, java_script).await?;
    let client_id = discovers_and_authorizes(&mut script, &home).await?;
    calls_and_refreshes(&mut script, &client_id).await?;
    if sdk == FIRST_SDK {
        steps_up_by_link(&mut script, &home).await?;
    } else {
        steps_up(&mut script).await?;
    }
    calls_what_needed_more(&mut script).await?;
    loses_access(&mut script, &home, &client_id).await
}

#[tokio::test]
async fn the_main_job_with_version_negotiation() -> anyhow::Result<()> {
    main_job(Home::new()?, CURRENT_SDK, "auto", true).await
}

#[tokio::test]
async fn the_main_job_of_a_legacy_client_and_a_browser_without_javascript() -> anyhow::Result<()> {
    main_job(Home::new()?, CURRENT_SDK, "legacy", false).await
}

#[tokio::test]
async fn the_main_job_at_a_root_resource() -> anyhow::Result<()> {
    main_job(Home::with_mcp_path("/")?, CURRENT_SDK, "auto", true).await
}

#[tokio::test]
async fn the_main_job_of_the_first_sdk_which_steps_up_by_a_link() -> anyhow::Result<()> {
    main_job(Home::new()?, FIRST_SDK, "", true).await
}

#[tokio::test]
async fn the_main_job_of_the_first_sdk_at_a_root_resource_without_javascript() -> anyhow::Result<()> {
    main_job(Home::with_mcp_path("/")?, FIRST_SDK, "", false).await
}
