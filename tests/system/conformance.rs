//! The official MCP conformance suite for authorization servers, both of its scenarios, against the release binary: for an issuer at the
//! root of its origin and for one with a path. Its person signs in and allows on the real pages, in Chromium.

use serde_json::{Value, json};
use system_tests::postern::{Home, free_port};
use system_tests::script::Script;

const EMAIL: &str = "hedy@example.com";
const PASSWORD: &str = "eighty-eight frequencies, like the keys of a piano";
/// What the suite checks and how we stand. A warning is no failure: metadata documents as client ids are not served yet.
const EXPECTED: [(&str, &str); 3] = [
    ("authorization-code-grant", "SUCCESS"),
    ("authorization-server-metadata", "SUCCESS"),
    ("authorization-server-metadata-cimd", "WARNING"),
];

/// Id and status of every check, in order.
fn verdicts(checked: &Value) -> Vec<(&str, &str)> {
    let checks = checked["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut verdicts: Vec<(&str, &str)> = checks.iter().filter_map(verdict).collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts.len(), checks.len(), "a check without id or status: {checked}");
    verdicts
}

fn verdict(check: &Value) -> Option<(&str, &str)> {
    Some((check["id"].as_str()?, check["status"].as_str()?))
}

async fn assert_conforms(
    home: &Home,
    issuer: &str,
    client_id: &str,
    port: u16,
    java_script: bool,
) -> anyhow::Result<()> {
    let mut script = Script::start("conformance", &settings(home, issuer, client_id, port, java_script))?;
    let allowed = script.step("allowed").await?;
    assert_eq!(allowed["signed_in"], true, "{allowed}");
    assert_eq!(allowed["complaints"], json!([]), "{allowed}");
    assert_eq!(allowed["authorization_endpoint"], json!(format!("{issuer}/oauth2/authorize")));
    assert_eq!(allowed["asked"]["resource"], json!(home.mcp_url()));
    assert_eq!(allowed["asked"]["scope"], Value::Null, "the suite leaves the scope to us");
    let checked = script.step("checked").await?;
    assert_eq!(verdicts(&checked), EXPECTED, "{checked}");
    assert_eq!(checked["status"], 0, "{checked}");
    script.step("done").await.map(drop)
}

fn settings(home: &Home, issuer: &str, client_id: &str, port: u16, java_script: bool) -> Value {
    json!({
        "issuer": issuer, "client_id": client_id, "resource": home.mcp_url(), "port": port,
        "email": EMAIL, "password": PASSWORD, "java_script": java_script,
    })
}

#[tokio::test]
async fn an_issuer_at_the_root_conforms_for_a_client_made_by_command() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    home.add_administrator(EMAIL, PASSWORD).await?;
    let port = free_port()?;
    let callback = format!("http://127.0.0.1:{port}/callback");
    let add = ["client", "add", "suite", "--public", "--grant", "authorization_code", "--grant", "refresh_token"];
    let rest = ["--redirect-uri", &callback, "--scope", "mcp.read mcp.write", "--resource", &home.mcp_url()];
    let client = home.json(&[&add[..], &rest[..]].concat()).await?;
    let client_id = client["client_id"].as_str().unwrap_or_default();
    assert_conforms(&home, &home.issuer(), client_id, port, true).await
}

#[tokio::test]
async fn an_issuer_with_a_path_conforms_for_a_client_that_registers_itself() -> anyhow::Result<()> {
    let mut home = Home::new()?;
    let issuer = format!("{}/tenants/one", home.issuer());
    home.set("POSTERN__AUTH_SERVER__PUBLIC_URL", &issuer);
    let _postern = home.start().await?;
    home.add_administrator(EMAIL, PASSWORD).await?;
    let document = json!({
        "client_name": "Conformance suite", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none",
    });
    let registering = reqwest::Client::new().post(format!("{issuer}/oauth2/register")).json(&document).send();
    let client: Value = registering.await?.error_for_status()?.json().await?;
    let client_id = client["client_id"].as_str().unwrap_or_default();
    assert_conforms(&home, &issuer, client_id, free_port()?, false).await
}

/// The suite would tell: the same server asked for under an issuer that differs by one slash.
#[tokio::test]
async fn a_failure_of_the_suite_is_seen() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    let issuer = format!("{}/", home.issuer());
    let mut script = Script::start("conformance", &settings(&home, &issuer, "nobody", free_port()?, false))?;
    let checked = script.step("checked").await?;
    let failed = verdicts(&checked).into_iter().filter(|(_, status)| *status == "FAILURE").count();
    assert_eq!(failed, 2, "{checked}");
    assert_ne!(checked["status"], 0, "{checked}");
    Ok(())
}
