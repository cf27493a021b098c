//! `postern` alone: what a newcomer sees, what a second start finds, how it stops, and how it refuses to start.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use system_tests::postern::Home;
use system_tests::process::{Ended, Process, Signal};

const STOPS_WITHIN: Duration = Duration::from_secs(5);
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "a goose walked into the library";

async fn keys(home: &Home) -> anyhow::Result<Vec<String>> {
    let document: Value = reqwest::get(format!("{}/.well-known/jwks.json", home.issuer())).await?.json().await?;
    let keys = document["keys"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> = keys.iter().filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

#[tokio::test]
async fn a_first_start_says_where_to_go() -> anyhow::Result<()> {
    let home = Home::new()?;
    let postern = home.start().await?;
    let link = postern.setup_link(&home).await?;
    assert!(link.starts_with(&home.issuer()), "{link}");
    let page = reqwest::get(&link).await?;
    assert_eq!(page.status(), 200);
    assert!(page.text().await?.contains("id=\"setup-form\""));
    let printed = postern.process.stdout().join("\n");
    assert!(printed.contains(&home.mcp_url()), "{printed}");
    assert!(!postern.process.log().contains(&link), "without a terminal the link is not for the log");
    assert!(!postern.process.log().contains("migrated"), "that a new database is made is no news");
    let mode = fs::metadata(home.data())?.permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the data directory is for its owner only");
    for entry in fs::read_dir(home.data())?.flatten().filter(|entry| entry.path().is_file()) {
        assert_eq!(entry.metadata()?.permissions().mode() & 0o077, 0, "{:?} is for its owner only", entry.path());
    }
    assert_eq!(keys(&home).await?.len(), 2, "one RS256 and one ES256 key");
    let form = [("email", "root@example.com"), ("display_name", "Root"), ("password", PASSWORD)];
    let made = reqwest::Client::new().post(&link).form(&form).send().await?;
    assert!(made.status().is_success(), "{made:?}");
    let is_gone = || async { (!home.data().join("setup-link").exists()).then_some(()) };
    system_tests::poll::until("the used link goes", STOPS_WITHIN, is_gone).await?;
    Ok(())
}

#[tokio::test]
async fn on_a_terminal_the_set_up_link_is_shown() -> anyhow::Result<()> {
    let home = Home::new()?;
    let command = home.command(&[])?;
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    // `script` gives the program a terminal.
    let mut terminal = tokio::process::Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &program, "/dev/null"]).current_dir(home.folder());
    terminal.envs(command.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let process = Process::spawn(terminal)?;
    let link = |line: &str| line.split_whitespace().find(|word| word.contains("set")).map(str::to_owned);
    let is_link = |word: &String| word.starts_with(&home.issuer());
    let shown = process.find_in_stdout(0, Duration::from_secs(20), |line| link(line).filter(is_link)).await?;
    assert!(!home.data().join("setup-link").exists(), "{shown} was shown, so it is in no file");
    Ok(())
}

#[tokio::test]
async fn a_second_start_finds_everything_as_it_was() -> anyhow::Result<()> {
    let home = Home::new()?;
    let postern = home.start().await?;
    home.add_administrator(EMAIL, PASSWORD).await?;
    let grant = ["--grant", "client_credentials", "--scope", "mcp.read", "--resource", &home.mcp_url()];
    home.json(&[&["client", "add", "nightly"][..], &grant].concat()).await?;
    let before = (keys(&home).await?, home.json(&["client", "list"]).await?, home.json(&["user", "list"]).await?);
    assert!(before.1.to_string().contains("nightly") && before.2.to_string().contains(EMAIL), "{before:?}");
    postern.stop(Signal::Terminate, STOPS_WITHIN).await?.success()?;

    let postern = home.start().await?;
    let after = (keys(&home).await?, home.json(&["client", "list"]).await?, home.json(&["user", "list"]).await?);
    assert_eq!(before, after);
    let printed = postern.process.stdout().join("\n");
    assert!(printed.contains(&home.mcp_url()), "{printed}");
    assert!(
        !printed.contains("set-up") && !home.data().join("setup-link").exists(),
        "an administrator exists:\n{printed}"
    );
    Ok(())
}

#[tokio::test]
async fn a_set_up_link_is_fresh_at_each_start_until_it_is_used() -> anyhow::Result<()> {
    let home = Home::new()?;
    let postern = home.start().await?;
    let first = postern.setup_link(&home).await?;
    postern.stop(Signal::Interrupt, STOPS_WITHIN).await?;
    let postern = home.start().await?;
    let second = postern.setup_link(&home).await?;
    assert_ne!(first, second);
    assert_ne!(reqwest::get(&first).await?.status(), 200, "an older link is void");
    assert_eq!(reqwest::get(&second).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn ctrl_c_drains_and_stops_within_five_seconds() -> anyhow::Result<()> {
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let home = Home::new()?;
        let postern = home.start().await?;
        // A connection kept alive and one that says nothing must not hold it up.
        let kept_alive = reqwest::Client::new();
        kept_alive.get(format!("{}/livez", home.issuer())).send().await?;
        let silent = tokio::net::TcpStream::connect(("127.0.0.1", home.authorization_port)).await?;
        let started = Instant::now();
        let ended = postern.stop(signal, STOPS_WITHIN).await?;
        assert!(ended.status.success(), "{signal:?}: {ended:?}");
        assert!(started.elapsed() < STOPS_WITHIN);
        let log = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            !log.contains("\"status\":499"),
            "the poll between the two servers is answered, not broken off:\n{log}"
        );
        drop((kept_alive, silent));
    }
    Ok(())
}

/// A client of an older revision listens in its session: at the signal its stream has an end, and the process is gone with success.
#[tokio::test]
async fn a_stream_that_listens_ends_at_the_signal() -> anyhow::Result<()> {
    let mut home = Home::new()?;
    home.set("POSTERN__RESOURCE_SERVER__LEGACY_SESSIONS", "true");
    let postern = home.start().await?;
    let token = super::server_conformance::machine_token(&home, "listener", &home.mcp_url()).await?;
    let client = reqwest::Client::new();
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let opened =
        client.post(home.mcp_url()).bearer_auth(&token).header("accept", "application/json, text/event-stream");
    let opened = opened.json(&initialize).send().await?.error_for_status()?;
    let session = opened.headers().get("mcp-session-id").context("a session")?.clone();
    let listening = client.get(home.mcp_url()).bearer_auth(&token).header("accept", "text/event-stream");
    let listening = listening.header("mcp-session-id", session).send().await?.error_for_status()?;
    let rest = tokio::spawn(listening.bytes());
    let started = Instant::now();
    let ended = postern.stop(Signal::Terminate, STOPS_WITHIN).await?;
    assert!(ended.status.success(), "{ended:?}");
    assert!(started.elapsed() < STOPS_WITHIN);
    tokio::time::timeout(STOPS_WITHIN, rest).await??.context("an end, not a break")?;
    Ok(())
}

/// A refusal to start is one line on standard error that names the culprit, and a status other than zero.
fn assert_refused(ended: &Ended, culprit: &str) {
    assert!(!ended.status.success(), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "one clear line: {ended:?}");
    assert!(lines[0].contains(culprit), "{culprit}: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _taken = TcpListener::bind(("127.0.0.1", home.authorization_port))?;
    let ended = home.run(&[], "").await?;
    assert_refused(&ended, &home.authorization_port.to_string());
    assert_refused(&ended, "auth_server.listen");
    Ok(())
}

#[tokio::test]
async fn a_second_postern_does_not_serve_from_the_same_directory() -> anyhow::Result<()> {
    let (home, other) = (Home::new()?, Home::new()?);
    let _first = home.start().await?;
    let resources = home.json(&["resource", "list"]).await?;
    // On ports that are free: it would take the resource of the first for one that is gone.
    let mut second = other.command(&[])?;
    let database = other.folder().join("second.sqlite");
    second.env("POSTERN__SHARED__DATA_DIR", home.data());
    second.env("POSTERN__AUTH_SERVER__DATABASE_URL", format!("sqlite:{}", database.display()));
    let ended = system_tests::process::run(second, "", Duration::from_secs(20)).await?;
    assert_refused(&ended, &home.data().to_string_lossy());
    assert_refused(&ended, "another postern");
    assert!(!database.exists(), "what is refused opened, and migrated, a database");
    assert_eq!(home.json(&["resource", "list"]).await?, resources, "the first is as it was");
    Ok(())
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_one_clear_line() -> anyhow::Result<()> {
    let home = Home::new()?;
    // Under a file nobody can make a folder, not even root.
    let file = home.folder().join("a-file");
    fs::write(&file, "")?;
    let data = file.join("data");
    let mut command = home.command(&[])?;
    command.env("POSTERN__SHARED__DATA_DIR", &data);
    let ended = system_tests::process::run(command, "", Duration::from_secs(20)).await?;
    assert_refused(&ended, &data.to_string_lossy());
    let mut command = home.command(&["serve"])?;
    command.env("POSTERN__SHARED__DATA_DIR", &file);
    assert_refused(&system_tests::process::run(command, "", Duration::from_secs(20)).await?, "it is a file");
    Ok(())
}

#[tokio::test]
async fn an_unknown_configuration_key_is_one_clear_line() -> anyhow::Result<()> {
    let home = Home::new()?;
    fs::write(home.folder().join("postern.toml"), "[auth_server]\nlisten_on_my_port = 1\n")?;
    assert_refused(&home.run(&[], "").await?, "listen_on_my_port");
    assert!(!home.data().exists(), "a refused start leaves nothing behind");
    Ok(())
}

#[tokio::test]
async fn a_public_url_without_https_is_one_clear_line() -> anyhow::Result<()> {
    let home = Home::new()?;
    let mut command = home.command(&[])?;
    command.env("POSTERN__AUTH_SERVER__PUBLIC_URL", "http://auth.example.com");
    let ended = system_tests::process::run(command, "", Duration::from_secs(20)).await?;
    assert_refused(&ended, "https");
    Ok(())
}

#[tokio::test]
async fn every_problem_of_the_configuration_is_named_at_once() -> anyhow::Result<()> {
    let home = Home::new()?;
    let file = home.folder().join("mine.toml");
    fs::write(
        &file,
        "[auth_server]\npublic_url = \"http://auth.example.com\"\nfirst = 1\n[resource_server]\nsecond = 2\n",
    )?;
    let mut command = system_tests::process::binary("postern")?;
    command.args(["--config", &file.to_string_lossy(), "config", "check"]).current_dir(home.folder());
    let ended = system_tests::process::run(command, "", Duration::from_secs(20)).await?;
    assert!(!ended.status.success(), "{ended:?}");
    for culprit in ["first", "second", "https"] {
        assert!(ended.stderr.contains(culprit), "{culprit}: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_printed_configuration_is_accepted() -> anyhow::Result<()> {
    let home = Home::new()?;
    let sample = home.run(&["config", "print"], "").await?.success()?;
    assert!(sample.contains("[auth_server]") && sample.contains("[resource_server]"), "{sample}");
    fs::write(home.folder().join("postern.toml"), &sample)?;
    let said = home.run(&["config", "check"], "").await?.success()?;
    assert!(!said.contains("warning"), "{said}");
    let mut elsewhere = home.command(&["config", "check"])?;
    elsewhere.env("POSTERN__AUTH_SERVER__PUBLIC_URL", "https://auth.example.com");
    let said = system_tests::process::run(elsewhere, "", Duration::from_secs(20)).await?.success()?;
    assert!(said.contains("is usable") && said.contains("warning: auth_server.public_url"), "{said}");
    Ok(())
}

#[tokio::test]
async fn every_command_explains_itself_with_an_example() -> anyhow::Result<()> {
    let home = Home::new()?;
    let commands: &[&[&str]] = &[
        &[],
        &["user"],
        &["user", "add"],
        &["user", "list"],
        &["user", "disable"],
        &["user", "reset-password"],
        &["client"],
        &["client", "add"],
        &["client", "list"],
        &["client", "remove"],
        &["grant"],
        &["grant", "list"],
        &["grant", "revoke"],
        &["config"],
        &["config", "check"],
        &["config", "print"],
    ];
    for command in commands {
        let help = home.run(&[command, &["--help"][..]].concat(), "").await?.success()?;
        assert!(help.contains("Example"), "postern {command:?} --help has no example:\n{help}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_client_of_one_name_is_said_beside_the_answer() -> anyhow::Result<()> {
    let home = Home::new()?;
    let _postern = home.start().await?;
    let add = ["client", "add", "nightly", "--public", "--grant", "authorization_code", "--json"];
    let add = [&add[..], &["--redirect-uri", "http://127.0.0.1:8080/callback"]].concat();
    let (first, second) = (home.run(&add, "").await?, home.run(&add, "").await?);
    assert!(!first.stderr.contains("already"), "{}", first.stderr);
    let made: Value = serde_json::from_str(&first.stdout)?;
    let id = made["client_id"].as_str().unwrap_or("no id");
    assert!(second.stderr.contains("already") && second.stderr.contains(id), "{}", second.stderr);
    serde_json::from_str::<Value>(&second.success()?)?;
    Ok(())
}
