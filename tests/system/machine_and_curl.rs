//! A machine with client credentials and a person with curl, and both exactly as the README prints them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use system_tests::person::Person;
use system_tests::postern::Home;
use system_tests::process::{binary_directory, repository, run};
use system_tests::readme::shell_blocks;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_machine_calls_a_tool_and_curl_introspects_its_token() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    let mcp_url = home.mcp_url();
    let arguments =
        ["client", "add", "nightly", "--grant", "client_credentials", "--scope", "mcp.read", "--resource", &mcp_url];
    let client = home.json(&arguments).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let credentials = format!("{}:{}", text(&client["client_id"]), text(&client["client_secret"]));

    let token_url = format!("{}/oauth2/token", home.issuer());
    let resource = format!("resource={mcp_url}");
    let token = curl(&["-u", &credentials, "-d", "grant_type=client_credentials", "-d", &resource, &token_url]).await?;
    assert_eq!(token["token_type"].as_str().map(str::to_ascii_lowercase).as_deref(), Some("bearer"), "{token}");
    assert_eq!(token["scope"], "mcp.read");
    assert_eq!(token["refresh_token"], Value::Null, "RFC 6749 §4.4.3: no refresh token");
    let token = text(&token["access_token"]);

    let introspect_url = format!("{}/oauth2/introspect", home.issuer());
    let introspection = curl(&["-u", &credentials, "-d", &format!("token={token}"), &introspect_url]).await?;
    assert_eq!(introspection["active"], true, "{introspection}");
    assert_eq!(introspection["aud"], json!(mcp_url));

    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}})
            .to_string();
    let bearer = format!("Authorization: Bearer {token}");
    let accept = "Accept: application/json, text/event-stream";
    let answer =
        curl(&["-H", &bearer, "-H", accept, "-H", "Content-Type: application/json", "-d", &call, &mcp_url]).await?;
    assert_ne!(answer["result"]["isError"], json!(true), "{answer}");
    assert!(answer["result"]["content"].to_string().contains(&text(&client["client_id"])), "{answer}");
    Ok(())
}

async fn curl(arguments: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new("curl");
    command.arg("--silent").arg("--show-error").args(arguments);
    let stdout = run(command, "", WITHIN).await?.success()?;
    // A streamed answer carries the message in its data lines.
    let data = stdout.lines().filter_map(|line| line.strip_prefix("data:")).find(|line| line.contains("jsonrpc"));
    serde_json::from_str(data.unwrap_or(&stdout)).map_err(|error| anyhow::anyhow!("{error}: {stdout}"))
}

/// Kinds of blocks that run here, in order and in one shell, as somebody would type them in a second terminal.
const RUN: [&str; 2] = ["machine", "operate"];
/// Blocks that run after those in a shell of their own: a person with a browser comes in between.
const WITH_A_PERSON: &str = "person";
/// Blocks of the page for those who have a server of their own.
const OF_A_SERVER: &str = "own";
/// Blocks that need somebody else's program.
const NOT_RUN: &str = "client";
/// Blocks without a kind: the server, which this test starts itself, and the command that runs this test.
const PLAIN: [&str; 2] = ["cargo run --release\n", "./tests/run\n"];

/// Runs where a newcomer is after `cargo run --release`: a folder with `target/release` and a server on the default ports.
#[tokio::test]
async fn the_readme_does_what_it_says() -> anyhow::Result<()> {
    let readme = fs::read_to_string(repository().join("README.md"))?;
    let mut script = String::from("set -euo pipefail\n");
    let mut with_a_person = script.clone();
    for block in shell_blocks(&readme) {
        match block.kind.as_str() {
            "" => assert!(PLAIN.contains(&block.text.as_str()), "line {}: who runs this? {}", block.line, block.text),
            kind if RUN.contains(&kind) => {
                script.push_str(&format!("echo '--- line {}' >&2\n{}\n", block.line, block.text))
            }
            WITH_A_PERSON => with_a_person.push_str(&block.text),
            kind => assert_eq!(kind, NOT_RUN, "line {}", block.line),
        }
    }
    let home = Home::with_default_ports()?;
    let _postern = home.start().await?;
    fs::create_dir_all(home.folder().join("target"))?;
    symlink(fs::canonicalize(binary_directory())?, home.folder().join("target").join("release"))?;

    let mut command = Command::new("bash");
    command.arg("-c").arg(&script).current_dir(home.folder());
    let printed = run(command, "", WITHIN).await?.success()?;
    let compact: String = printed.chars().filter(|character| !character.is_whitespace()).collect();
    assert!(compact.contains("\"active\":true"), "curl introspects a token:\n{printed}");
    assert!(
        compact.contains("\"jsonrpc\":\"2.0\"") && !compact.contains("\"isError\":true"),
        "a tool is called:\n{printed}"
    );
    assert!(printed.contains("nightly-report"), "the client is listed:\n{printed}");
    walk_with_a_person(&home, &with_a_person).await?;
    walk_with_a_server(&home).await
}

/// The page for somebody whose server verifies tokens by itself, in the terminal after those of the README.
async fn walk_with_a_server(home: &Home) -> anyhow::Result<()> {
    let page = fs::read_to_string(repository().join("docs/your-own-server.md"))?;
    let mut script = String::from("set -euo pipefail\n");
    for block in shell_blocks(&page) {
        match block.kind.as_str() {
            OF_A_SERVER => script.push_str(&format!("echo '--- line {}' >&2\n{}\n", block.line, block.text)),
            kind => assert_eq!(kind, NOT_RUN, "line {}", block.line),
        }
    }
    // The library that the page installs is there for the tests, too.
    let packages = repository().join("tests").join("clients").join("node_modules");
    let packages = fs::canonicalize(packages).context("the packages of tests/clients are missing: npm ci there")?;
    symlink(packages, home.folder().join("node_modules"))?;
    let mut command = Command::new("bash");
    command.arg("-c").arg(&script).current_dir(home.folder());
    let printed = run(command, "", WITHIN).await?.success()?;
    let compact: String = printed.chars().filter(|character| !character.is_whitespace()).collect();
    for expected in [
        "\"notes.read\",\"notes.write\"",
        "\"scope\":\"notes.read\"}{\"active\":true,\"aud\":\"http://localhost:9999/mcp\"",
        "\"moreAvailable\":false",
        "/secevent/event-type/token-revoked\":{",
    ] {
        assert!(compact.contains(expected), "{expected}:\n{printed}");
    }
    Ok(())
}

/// Opens the address that the script prints, as somebody does, and gives it the code that it asks for.
async fn walk_with_a_person(home: &Home, script: &str) -> anyhow::Result<()> {
    const EMAIL: &str = "ada@example.com";
    const PASSWORD: &str = "a goose walked into the library";
    home.add_administrator(EMAIL, PASSWORD).await?;
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).current_dir(home.folder()).kill_on_drop(true);
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdout = shell.stdout.take().context("a pipe")?;
    let mut lines = BufReader::new(stdout).lines();
    let walk = async {
        let url = lines.next_line().await?.context("the shell ended before it printed an address")?;
        let redirect_uri = "http://127.0.0.1:8080/callback";
        let back = Person::new(EMAIL, PASSWORD)?.allow(&url, redirect_uri).await?;
        let code = back.query_pairs().find(|(name, _)| name == "code").context("a code")?.1.into_owned();
        shell.stdin.take().context("a pipe")?.write_all(format!("{code}\n").as_bytes()).await?;
        let mut printed = String::new();
        while let Some(line) = lines.next_line().await? {
            printed.push_str(&line);
        }
        anyhow::ensure!(shell.wait().await?.success(), "a block failed:\n{printed}");
        Ok(printed)
    };
    let printed = tokio::time::timeout(WITHIN, walk).await??;
    let compact: String = printed.chars().filter(|character| !character.is_whitespace()).collect();
    for expected in
        ["\"jsonrpc\":\"2.0\"", "\"token_type\":\"Bearer\"", "\"scope\":\"mcp.read\"", "scope=\"mcp.readmcp.write\""]
    {
        assert!(compact.contains(expected), "{expected}:\n{printed}");
    }
    assert!(!compact.contains("\"error\""), "{printed}");
    Ok(())
}
