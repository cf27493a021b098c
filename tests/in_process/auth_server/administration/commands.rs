//! `admin …`: the same operations from the shell.

use super::super::{ManualClock, test_server::START};
use auth_server::{
    administration::operations,
    app::App,
    cli::{Arguments, Command, CommandError, manage},
    config::Settings,
};
use clap::{CommandFactory as _, Parser as _};
use serde_json::{Value, json};
use shared::{clock::SharedClock, config::Sources, random::SystemRandom};
use std::sync::Arc;
use tempfile::TempDir;

struct Shell {
    _directory: TempDir,
    settings: Settings,
    clock: SharedClock,
}

impl Shell {
    /// On the state that a first start leaves.
    async fn new() -> Self {
        auth_server::install_crypto_provider();
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data").display().to_string();
        let sources = Sources::new().with_flag("shared", "data_dir", "--data-dir", data);
        let settings = Settings::load(&sources).expect("settings");
        let clock: SharedClock = Arc::new(ManualClock::at(START));
        let started = App::open(settings.clone(), Arc::clone(&clock), Arc::new(SystemRandom)).await.expect("started");
        started.store.close().await;
        Self { _directory: directory, settings, clock }
    }

    async fn run(&self, arguments: &[&str]) -> Result<String, CommandError> {
        let arguments = Arguments::try_parse_from([&["auth-server", "admin"], arguments].concat()).expect("arguments");
        let Command::Manage(command) = arguments.command else { panic!("no managing command") };
        let mut output = Vec::new();
        manage(command, self.settings.clone(), &self.clock, Arc::new(SystemRandom), &mut output).await?;
        Ok(String::from_utf8(output).expect("text"))
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat()).await.expect("done")).expect("JSON")
    }
}

#[tokio::test]
async fn what_the_interface_does_the_shell_does_and_it_is_written_down() {
    let shell = Shell::new().await;
    let made = shell.json(&["users", "create", "--email", "ada@example.com"]).await;
    assert_eq!(made["roles"], json!(["member"]), "{made}");
    let id = made["id"].as_str().expect("an id");
    let text = shell.run(&["users", "list", "--state", "active"]).await.expect("listed");
    assert!(text.starts_with("EMAIL") && text.contains("ada@example.com") && text.contains(id), "{text}");
    let bob = shell.json(&["users", "create", "--email", "bob@example.com", "--administrator"]).await;
    assert_eq!(bob["roles"], json!(["administrator", "member"]), "{bob}");
    let more = shell.run(&["users", "list", "--limit", "1"]).await.expect("listed");
    assert!(more.contains("--cursor "), "{more}");
    let changed = shell.json(&["users", "change", id, "--administrator=false", "--display-name", "Ada"]).await;
    assert_eq!((&changed["roles"], &changed["display_name"]), (&json!(["member"]), &json!("Ada")));
    let shown = shell.run(&["users", "show", id]).await.expect("shown");
    assert!(shown.lines().any(|line| line.starts_with("display_name") && line.ends_with("Ada")), "{shown}");
    assert_eq!(shell.run(&["users", "sign-out", id]).await.expect("done"), "done\n");
    let events = shell.json(&["audit", "list", "--kind", "user_changed"]).await;
    assert_eq!(events["items"][0]["actor"], "command line", "{events}");
}

#[tokio::test]
async fn a_machine_is_made_administrator_by_the_older_command_and_by_this_one() {
    let shell = Shell::new().await;
    let api = format!("{}/api", shell.settings.auth_server.public_url);
    let new = [
        "clients",
        "create",
        "--client-name",
        "ops",
        "--grant-types",
        "client_credentials",
        "--scope",
        "postern.admin",
    ];
    let made = shell.json(&[&new[..], &["--resources", &api]].concat()).await;
    assert_eq!((&made["scope"], &made["resources"]), (&json!("postern.admin"), &json!([api])));
    assert!(made["client_secret"].is_string());
    let old = [
        "auth-server",
        "client",
        "add",
        "ops",
        "--grant",
        "client_credentials",
        "--scope",
        "postern.admin",
        "--resource",
    ];
    let arguments = Arguments::try_parse_from([&old[..], &[&api]].concat()).expect("arguments");
    let Command::Manage(command) = arguments.command else { panic!("no managing command") };
    let mut output = Vec::new();
    manage(command, shell.settings.clone(), &shell.clock, Arc::new(SystemRandom), &mut output).await.expect("added");
    assert!(String::from_utf8(output).expect("text").contains("client_secret"));
}

#[tokio::test]
async fn exit_codes_tell_refused_from_not_there() {
    let shell = Shell::new().await;
    let code = async |arguments: &[&str]| shell.run(arguments).await.expect_err("refused").exit_code();
    assert_eq!(code(&["users", "show", "nobody"]).await, 3);
    assert_eq!(code(&["clients", "delete", "nothing"]).await, 3);
    assert_eq!(code(&["users", "create", "--email", "nonsense"]).await, 1);
    assert_eq!(code(&["users", "list", "--limit", "0"]).await, 1);
    for usage in [
        &["users"][..],
        &["users", "show"],
        &["users", "list", "--nonsense", "1"],
        &["users", "list", "--limit", "x"],
        &["audit", "list", "--kind", "nosuch"],
    ] {
        let error = Arguments::try_parse_from([&["auth-server", "admin"], usage].concat()).expect_err("usage");
        assert_eq!(error.exit_code(), 2, "{usage:?}");
    }
}

#[test]
fn every_operation_is_a_command_with_an_example_that_parses() {
    let mut command = Arguments::command();
    command.build();
    let admin = command.find_subcommand("admin").expect("admin");
    let mut count = 0;
    for operation in operations() {
        let collection = admin.find_subcommand(operation.collection).expect(operation.collection);
        assert!(collection.find_subcommand(operation.name).is_some(), "{}", operation.id());
        let words = ["auth-server", "admin"].into_iter().chain(operation.example.split_whitespace());
        let words: Vec<&str> = words.map(|word| if word.starts_with("\"$(") { "{}" } else { word }).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.ends_with(")\"")).collect();
        Arguments::try_parse_from(&words).unwrap_or_else(|error| panic!("{}: {error}", operation.example));
        count += 1;
    }
    let commands = admin.get_subcommands().filter(|each| each.get_name() != "help");
    let all = commands.flat_map(clap::Command::get_subcommands).filter(|each| each.get_name() != "help").count();
    assert_eq!(count, all, "no command without an operation");
}

#[test]
fn help_names_the_words_that_an_option_takes() {
    for (command, words) in [
        (&["organizations", "set-member", "--help"][..], "--role <member|admin|owner>"),
        (&["resources", "change", "--help"], "--algorithm <ES256|RS256>"),
        (&["users", "list", "--help"], "--state <active|disabled>"),
    ] {
        let help =
            Arguments::try_parse_from([&["auth-server", "admin"], command].concat()).expect_err("help").to_string();
        assert!(help.contains(words), "{help}");
    }
}
