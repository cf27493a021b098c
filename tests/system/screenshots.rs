//! A picture of each page at phone and desktop width, light and dark, left in `tests/out/screenshots` to be looked at.

use anyhow::Context as _;
use serde_json::json;
use system_tests::oauth_client::OAuthClient;
use system_tests::person::Person;
use system_tests::postern::Home;
use system_tests::process::repository;
use system_tests::script::Script;
use url::Url;

const EMAIL: &str = "mary@example.com";
const PASSWORD: &str = "notes on the analytical engine";
const PAGES: [&str; 12] = [
    "home-not-set-up",
    "set-up",
    "set-up-refused",
    "set-up-done",
    "set-up-link-used",
    "home",
    "sign-in",
    "sign-in-refused",
    "consent",
    "consent-identity",
    "end-session",
    "change-password",
];
const PAGES_WITH_ORGANIZATIONS: [&str; 3] =
    ["consent-organizations", "consent-organizations-refused", "error-unknown-client"];

#[tokio::test]
async fn every_page_is_photographed_and_sound() -> anyhow::Result<()> {
    let home = Home::new()?;
    let postern = home.start().await?;
    let setup_url = postern.setup_link(&home).await?;
    let mut client =
        OAuthClient::register(&home.issuer(), &home.mcp_url(), "A client with a rather long name, Inc.").await?;
    let authorize_url = client.authorization_url("mcp.read mcp.write openid profile email")?;
    let identity_url = for_userinfo(&client.authorization_url("openid profile email")?, &home.issuer())?;
    let end_session_url = end_session_url(&client, &home.issuer())?;
    let unknown_client_url = authorize_url.replace(&client.client_id, "nobody");
    let folder = repository().join("tests").join("out").join("screenshots");
    let person = json!({ "email": EMAIL, "display_name": "Mary", "password": PASSWORD });
    let input = json!({
        "folder": folder, "home_url": home.issuer(), "setup_url": setup_url, "authorize_url": authorize_url, "unknown_client_url": unknown_client_url,
        "identity_url": identity_url, "end_session_url": end_session_url, "person": person,
    });
    let mut script = Script::start("screenshots", &input)?;
    for page in PAGES {
        is_sound(&mut script, page).await?;
    }
    script.step("allow_access").await?;
    for scope in ["mcp.read", "mcp.read mcp.write openid profile", "mcp.read mcp.write openid profile"] {
        client.authorize(&mut Person::new(EMAIL, PASSWORD)?, scope).await?;
    }
    script.go_on(&step_up_url(&home).await?).await?;
    is_sound(&mut script, "home-with-access").await?;
    is_sound(&mut script, "step-up").await?;
    script.step("make_organizations").await?;
    for (slug, name) in [("acme", "Acme Inc."), ("long", "A Society for the Keeping of Rather Long Names, Limited")] {
        home.json(&["organization", "add", slug, "--name", name, "--owner", "mary@example.com"]).await?;
    }
    script.go_on("made").await?;
    for page in PAGES_WITH_ORGANIZATIONS {
        is_sound(&mut script, page).await?;
    }
    script.step("make_reset_link").await?;
    let link = home.json(&["user", "reset-password", "mary@example.com"]).await?;
    script.go_on(link["password_link"].as_str().unwrap_or_default()).await?;
    is_sound(&mut script, "reset-password").await?;
    let browser = script.step("browser").await?;
    assert_eq!(browser["complaints"], json!([]));
    script.step("done").await?;
    Ok(())
}

/// The same request for a token that is good for userinfo alone.
fn for_userinfo(authorize_url: &str, issuer: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(authorize_url)?;
    let others: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != "resource").collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("resource", &format!("{issuer}/oauth2/userinfo"));
    Ok(url.into())
}

/// What a resource server links to when a call needs more than the only grant has.
async fn step_up_url(home: &Home) -> anyhow::Result<String> {
    let grants = home.json(&["grant", "list"]).await?;
    let id = grants["items"][0]["id"].as_str().context("a grant")?;
    Ok(format!("{}/step-up?grant={id}&scope=mcp.admin", home.issuer()))
}

/// Where the client sends somebody to sign out, without showing whom it means.
fn end_session_url(client: &OAuthClient, issuer: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(&format!("{issuer}/oauth2/end-session"))?;
    url.query_pairs_mut()
        .append_pair("client_id", &client.client_id)
        .append_pair("post_logout_redirect_uri", &client.redirect_uri);
    Ok(url.into())
}

/// The four pictures of a page exist, show no problem, and differ between light and dark.
async fn is_sound(script: &mut Script, page: &str) -> anyhow::Result<()> {
    let mut backgrounds = Vec::new();
    for _ in 0..4 {
        let picture = script.step("page").await?;
        assert_eq!(picture["name"], page);
        assert_eq!(picture["problems"], json!([]), "{picture}");
        backgrounds.push(picture["background"].clone());
    }
    assert_ne!(backgrounds[0], backgrounds[1], "{page} looks the same in light and dark");
    Ok(())
}
