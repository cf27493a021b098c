//! A picture of each page at phone and desktop width, light and dark, left in `tests/out/screenshots` to be looked at.

use serde_json::json;
use system_tests::oauth_client::OAuthClient;
use system_tests::postern::Home;
use system_tests::process::repository;
use system_tests::script::Script;

const PAGES: [&str; 8] = [
    "set-up",
    "set-up-refused",
    "set-up-done",
    "set-up-link-used",
    "sign-in",
    "sign-in-refused",
    "consent",
    "error-unknown-client",
];

#[tokio::test]
async fn every_page_is_photographed_and_sound() -> anyhow::Result<()> {
    let home = Home::new()?;
    let postern = home.start().await?;
    let setup_url = postern.setup_link(&home).await?;
    let client =
        OAuthClient::register(&home.issuer(), &home.mcp_url(), "A client with a rather long name, Inc.").await?;
    let authorize_url = client.authorization_url("mcp.read mcp.write")?;
    let unknown_client_url = authorize_url.replace(&client.client_id, "nobody");
    let folder = repository().join("tests").join("out").join("screenshots");
    let person =
        json!({ "email": "mary@example.com", "display_name": "Mary", "password": "notes on the analytical engine" });
    let input = json!({
        "folder": folder, "setup_url": setup_url, "authorize_url": authorize_url, "unknown_client_url": unknown_client_url, "person": person,
    });
    let mut script = Script::start("screenshots", &input)?;
    for page in PAGES {
        let mut backgrounds = Vec::new();
        for _ in 0..4 {
            let picture = script.step("page").await?;
            assert_eq!(picture["name"], page);
            assert_eq!(picture["problems"], json!([]), "{picture}");
            assert!(folder.join(picture["file"].as_str().unwrap_or_default()).exists());
            backgrounds.push((picture["color_scheme"].clone(), picture["background"].clone()));
        }
        assert_ne!(backgrounds[0].1, backgrounds[1].1, "{page} looks the same in light and dark");
    }
    let browser = script.step("browser").await?;
    assert_eq!(browser["complaints"], json!([]));
    script.step("done").await?;
    Ok(())
}
