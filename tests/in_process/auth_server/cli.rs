//! The managing commands, beside a server that runs on the same database.

use super::{
    ManualClock,
    given::public_client,
    test_server::{RESOURCE, START},
};
use auth_server::{
    app::App,
    audit::{Actor, chain_events},
    change_log::follower::catch_up,
    cli::{Arguments, Command, CommandError, manage},
    config::Settings,
    resources::register_resource::register_resource,
    store::{
        self,
        authorization_grant::NewGrant,
        remembered_consent::{self, ConsentKey},
    },
    users::{NewUser, add_user},
};
use clap::Parser as _;
use serde_json::{Value, json};
use shared::{
    clock::SharedClock,
    config::Sources,
    db::Statement,
    process::OUTPUT_CLOSED,
    protocol::{opaque_token::TokenHash, resource_document::ResourceDocument, scope::ScopeSet},
    random::SystemRandom,
};
use std::{os::unix::fs::PermissionsExt as _, sync::Arc};
use tempfile::TempDir;

/// A data directory, and commands on it.
pub struct Installation {
    directory: TempDir,
    settings: Settings,
    clock: SharedClock,
}

impl Installation {
    pub fn new() -> Self {
        Self::with_clock(Arc::new(ManualClock::at(START)))
    }

    pub fn with_clock(clock: SharedClock) -> Self {
        auth_server::install_crypto_provider();
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data").display().to_string();
        let settings =
            Settings::load(&Sources::new().with_flag("shared", "data_dir", "--data-dir", data)).expect("settings");
        Self { directory, settings, clock }
    }

    pub async fn app(&self) -> Arc<App> {
        App::open(self.settings.clone(), Arc::clone(&self.clock), Arc::new(SystemRandom)).await.expect("an application")
    }

    pub async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let arguments =
            Arguments::try_parse_from([&["auth-server"], arguments].concat()).map_err(|error| error.to_string())?;
        self.execute(arguments).await.map_err(|error| error.to_string())
    }

    /// What the process ends with when a command fails.
    async fn exit_code(&self, arguments: &[&str]) -> u8 {
        let arguments = Arguments::try_parse_from([&["auth-server"], arguments].concat()).expect("a command");
        self.execute(arguments).await.expect_err("refused").exit_code()
    }

    async fn execute(&self, arguments: Arguments) -> Result<String, CommandError> {
        let Command::Manage(command) = arguments.command else { panic!("no managing command") };
        let mut output = Vec::new();
        manage(command, self.settings.clone(), &self.clock, Arc::new(SystemRandom), &mut output).await?;
        Ok(String::from_utf8(output).expect("text"))
    }

    pub async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["--json"]].concat()).await.expect("done");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The path of a file in the data directory.
    pub fn data_file(&self, name: &str) -> std::path::PathBuf {
        self.settings.shared.data_file(name)
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }
}

async fn with_resource(installation: &Installation) -> Arc<App> {
    let key = installation.path("resource-server.key");
    let add = ["resource-server", "add", "mcp", "--origin", "http://localhost:9500", "--key-file", &key];
    let added = installation.json(&add).await;
    let app = installation.app().await;
    let document: ResourceDocument = serde_json::from_value(json!({
        "resource": RESOURCE, "name": "Tools",
        "scopes": [{ "name": "mcp.read", "roles": ["member"] }, { "name": "mcp.write", "roles": ["member"] }],
    }))
    .expect("a document");
    let client_id = added["client_id"].as_str().expect("an id");
    register_resource(&app.store, &*app.random, client_id, &document, START).await.expect("registered");
    catch_up(&app).await.expect("followed");
    app
}

#[tokio::test]
async fn a_client_that_signs_people_on_is_added() {
    let installation = Installation::new();
    let app = with_resource(&installation).await;
    let arguments = [
        "client",
        "add",
        "portal",
        "--grant",
        "authorization_code",
        "--redirect-uri",
        "https://portal.example/cb",
        "--scope",
        "openid email",
        "--post-logout-redirect-uri",
        "https://portal.example/out",
        "--id-token-alg",
        "ES256",
    ];
    let added = installation.json(&arguments).await;
    assert_eq!(added["post_logout_redirect_uris"], json!(["https://portal.example/out"]));
    assert_eq!((&added["id_token_signed_response_alg"], &added["scope"]), (&json!("ES256"), &json!("email openid")));
    catch_up(&app).await.expect("followed");
    let client = app.clients.find(added["client_id"].as_str().expect("an id")).await.expect("read").expect("known");
    assert!(client.openid.may_return_to("https://portal.example/out"));
    let mut wrong = arguments;
    wrong[10] = "http://portal.example/out";
    assert!(installation.run(&wrong).await.is_err());
    wrong[10] = arguments[10];
    wrong[12] = "HS256";
    assert!(installation.run(&wrong).await.is_err());
}

#[tokio::test]
async fn a_client_is_added_listed_and_removed_under_a_running_server() {
    let installation = Installation::new();
    let app = with_resource(&installation).await;
    let machine =
        ["--grant", "client_credentials", "--scope", "mcp.read mcp.write", "--resource", "http://localhost:9500/mcp/"];
    let added = installation.json(&[&["client", "add", "nightly"][..], &machine].concat()).await;
    assert_eq!(added["resources"], json!([RESOURCE]), "the registered form");
    let (id, secret) =
        (added["client_id"].as_str().expect("an id"), added["client_secret"].as_str().expect("a secret"));
    catch_up(&app).await.expect("followed");
    let client = app.clients.find(id).await.expect("the store").expect("known");
    assert_eq!(client.secret_hash, Some(shared::protocol::opaque_token::TokenHash::of(secret)));
    let listed = installation.run(&["client", "list"]).await.expect("listed");
    assert!(listed.contains("nightly") && !listed.contains(secret), "{listed}");
    assert!(!installation.json(&["client", "list"]).await.to_string().contains("\"client_secret\""));
    let shown = installation.json(&["client", "show", id]).await;
    assert_eq!((&shown["client_name"], &shown["client_secret"]), (&json!("nightly"), &Value::Null));
    let text = installation.run(&["client", "show", id]).await.expect("shown");
    assert!(text.lines().any(|line| line.starts_with("created_at") && line.contains("Z (")), "{text}");
    installation.run(&["client", "remove", id]).await.expect("removed");
    catch_up(&app).await.expect("followed");
    assert!(app.clients.find(id).await.expect("the store").is_none());
    assert!(installation.run(&["client", "remove", id]).await.is_err());
}

#[tokio::test]
async fn a_revoked_grant_is_not_taken_back_without_asking() {
    let installation = Installation::new();
    let app = with_resource(&installation).await;
    let new = NewUser { email: "ada@example.com", display_name: "", password: None, is_administrator: false };
    let user =
        add_user(&app.store, &app.passwords, &*app.random, &Actor::CommandLine, &new, START).await.expect("added");
    let scope = &"mcp.read".parse().expect("scope");
    let grant = &grant_of(&user.id, scope);
    let key = |client_id, redirect_host, resource| ConsentKey {
        user_id: &user.id,
        client_id,
        redirect_host,
        resource,
        organization_id: None,
    };
    let ended = [key("app", "client.example", RESOURCE), key("app", "other.example", RESOURCE)];
    let kept = [key("app", "client.example", "https://other.example/mcp"), key("twin", "client.example", RESOURCE)];
    let keys = &[ended, kept].concat();
    let given = app.store.write(|mut tx| async move {
        store::client::insert(&mut tx, &public_client("app")).await?;
        store::client::insert(&mut tx, &public_client("twin")).await?;
        store::authorization_grant::insert(&mut tx, grant).await?;
        for key in keys {
            remembered_consent::remember(&mut tx, key, scope, 1, START).await?;
        }
        Ok::<_, shared::db::StoreError>(())
    });
    given.await.expect("given");
    installation.run(&["grant", "revoke", grant.id]).await.expect("revoked");
    let mut reader = app.store.read();
    for key in ended {
        assert_eq!(remembered_consent::find(&mut reader, &key, 1).await.expect("read"), None, "{key:?}");
    }
    for key in kept {
        assert!(remembered_consent::find(&mut reader, &key, 1).await.expect("read").is_some(), "{key:?}");
    }
    let revoked = installation.json(&["revoke-all", "--yes"]).await;
    assert_eq!(revoked, json!({"grants": 0, "issued_until": START}), "the only grant had ended");
    for key in kept {
        assert_eq!(remembered_consent::find(&mut reader, &key, 1).await.expect("read"), None, "{key:?}");
    }
}

fn grant_of<'a>(user_id: &'a str, scope: &'a ScopeSet) -> NewGrant<'a> {
    NewGrant {
        id: "grant",
        user_id,
        client_id: "app",
        resource: RESOURCE,
        scope,
        organization_id: None,
        redirect_uri: "https://client.example/callback",
        code_hash: TokenHash::of("code"),
        code_challenge: "challenge",
        code_expires_at: START + 60,
        nonce: None,
        authenticated_at: START,
        created_at: START,
        expires_at: START + 3600,
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_in_one_line() {
    let installation = Installation::new();
    let _app = with_resource(&installation).await;
    let scope_and_resource = ["--scope", "mcp.read", "--resource", RESOURCE];
    for (arguments, named) in [
        (vec!["client", "add", "x", "--grant", "password"], "password"),
        (vec!["client", "add", "x", "--grant", "client_credentials"], "--resource"),
        (vec!["client", "add", "x", "--grant", "authorization_code"], "--redirect-uri"),
        (
            vec!["client", "add", "x", "--grant", "client_credentials", "--resource", "https://other.example/mcp"],
            "other.example",
        ),
        (
            [&["client", "add", "x", "--grant", "client_credentials", "--public"][..], &scope_and_resource].concat(),
            "secret",
        ),
        (vec!["client", "add", "x", "--grant", "authorization_code", "--redirect-uri", "javascript:x"], "javascript"),
        (vec!["grant", "revoke", "nothing"], "nothing"),
        (vec!["revoke-all"], "--yes"),
        (vec!["grant", "list", "--user", "nobody@example.com"], "nobody@example.com"),
        (vec!["user", "disable", "nobody@example.com"], "nobody@example.com"),
        (
            vec![
                "resource-server",
                "add",
                "x",
                "--origin",
                "https://a.example/path",
                "--key-file",
                &installation.path("x.key"),
            ],
            "origin",
        ),
    ] {
        let error = installation.run(&arguments).await.expect_err("refused");
        assert!(error.contains(named) && error.lines().count() == 1, "{arguments:?}: {error}");
    }
    assert!(!std::path::Path::new(&installation.path("x.key")).exists(), "a refused enrolment leaves no key");
}

#[tokio::test]
async fn a_command_in_a_directory_without_state_is_refused_and_makes_nothing() {
    let installation = Installation::new();
    for arguments in [
        &["revoke-all", "--yes"][..],
        &["user", "list"],
        &["keys", "list"],
        &["audit", "verify"],
        &["admin", "users", "list"],
        &["organization", "list"],
    ] {
        let error = installation.run(arguments).await.expect_err("refused");
        for words in ["no Postern state", "--data-dir", "shared.data_dir"] {
            assert!(error.contains(words), "{arguments:?}: {error}");
        }
        assert!(!installation.data_file("").exists(), "{arguments:?} made the directory");
    }
    installation.run(&["keys", "make-key-encryption-key"]).await.expect("a key before the first start");
}

/// Output of which nobody reads the end.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn whoever_reads_no_further_is_told_nothing() {
    let installation = Installation::new();
    with_resource(&installation).await;
    for arguments in [&["audit", "export"][..], &["audit", "list"], &["resource", "list", "--json"]] {
        let arguments = Arguments::try_parse_from([&["auth-server"], arguments].concat()).expect("a command");
        let Command::Manage(command) = arguments.command else { panic!("no managing command") };
        let settings = installation.settings.clone();
        let done = manage(command, settings, &installation.clock, Arc::new(SystemRandom), &mut Closed).await;
        assert_eq!(done.expect_err("nobody reads").exit_code(), OUTPUT_CLOSED);
    }
}

#[tokio::test]
async fn the_key_of_a_resource_server_is_for_its_owner_and_never_written_over() {
    let installation = Installation::new();
    let key = installation.path("mcp.key");
    let add = ["resource-server", "add", "mcp", "--origin", "https://mcp.example.com", "--key-file", &key];
    let text = installation.run(&add).await.expect("enrolled");
    assert!(text.contains("client_id") && text.contains(&key), "{text}");
    let mode = std::fs::metadata(&key).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&key).expect("the key");
    assert!(installation.run(&add).await.expect_err("refused").contains(&key));
    assert_eq!(std::fs::read(&key).expect("the key"), before);
    let resources = installation.run(&["resource", "list"]).await.expect("listed");
    assert!(resources.starts_with("RESOURCE") && resources.contains("/api "), "{resources}");
}

async fn checkpoints_are_held(installation: &Installation, checkpoint: &str) {
    let (sequence, hash) = checkpoint.split_once(':').expect("two parts");
    let noted = installation.path("checkpoints");
    for (lines, told) in [
        (
            format!("{checkpoint}\n\n{sequence}:{}\n", "0".repeat(64)),
            format!("the checkpoint {sequence} does not match"),
        ),
        (format!("1000:{hash}\n"), "the checkpoint 1000 does not match".to_owned()),
        ("nonsense\n".to_owned(), "is no checkpoint".to_owned()),
    ] {
        std::fs::write(&noted, lines).expect("written");
        let refused = installation.run(&["audit", "verify", "--checkpoint", &noted]).await.expect_err("not held");
        assert!(refused.contains(&told), "{refused}");
    }
    assert!(installation.run(&["audit", "verify", "--checkpoint", "nonsense"]).await.is_err());
}

const TAMPER: Statement =
    Statement::new("test.tamper", "UPDATE audit_event SET kind = 'signed_in' WHERE kind = 'client_removed'");

#[tokio::test]
async fn the_audit_log_is_listed_verified_and_exported() {
    let installation = Installation::new();
    let app = with_resource(&installation).await;
    let machine = ["--grant", "client_credentials", "--scope", "mcp.read", "--resource", RESOURCE];
    let added = installation.json(&[&["client", "add", "nightly"][..], &machine].concat()).await;
    let id = added["client_id"].as_str().expect("an id");
    installation.run(&["client", "remove", id]).await.expect("removed");
    let new = NewUser { email: "ada@example.com", display_name: "", password: None, is_administrator: false };
    let by = &Actor::CommandLine;
    let user = add_user(&app.store, &app.passwords, &*app.random, by, &new, START).await.expect("added");
    let scope = &"mcp.read".parse().expect("scope");
    let grant = &grant_of(&user.id, scope);
    let given = app.store.write(|mut tx| async move {
        store::client::insert(&mut tx, &public_client("app")).await?;
        store::authorization_grant::insert(&mut tx, grant).await
    });
    given.await.expect("given");
    installation.run(&["grant", "revoke", grant.id]).await.expect("revoked");
    installation.run(&["user", "sign-out", "ada@example.com"]).await.expect("signed out");
    chain_events(&app.store, &app.audit_key, &SystemRandom).await.expect("chained");

    for kind in ["client_added", "client_removed", "grant_revoked", "user_added"] {
        let listed = installation.json(&["audit", "list", "--kind", kind]).await;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{kind}: {listed}");
        assert_eq!(listed["items"][0]["actor"], "command line", "{kind}");
    }
    let of_client = installation.json(&["audit", "list", "--client", id]).await;
    assert_eq!(of_client["items"].as_array().map(Vec::len), Some(2), "{of_client}");
    for user in ["ada@example.com", user.id.as_str()] {
        let listed = installation.json(&["audit", "list", "--user", user, "--since", "1h", "--limit", "2"]).await;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
        assert_eq!(listed["items"][0]["user_email"], "ada@example.com");
    }
    assert_eq!(installation.json(&["audit", "list", "--until", "1h"]).await["items"], json!([]));
    let text = installation.run(&["audit", "list"]).await.expect("listed");
    assert!(text.starts_with("TIME") && text.contains("ada@example.com") && text.contains("nightly"), "{text}");
    assert!(text.contains(&format!("ada@example.com ({})", user.id)), "a name, and what never changes: {text}");
    let table = installation.run(&["admin", "audit", "list", "--user-id", &user.id]).await.expect("listed");
    assert!(table.contains("ada@example.com") && table.contains(&user.id), "{table}");
    assert!(
        installation.run(&["audit", "list", "--since", "yesterday"]).await.expect_err("refused").contains("or 24h")
    );
    let detailed = installation.run(&["audit", "list", "--kind", "signing_key_activated"]).await.expect("listed");
    assert!(
        detailed.contains("DETAIL") && detailed.contains(app.keys.jwks().keys()[0].kid().unwrap_or("?")),
        "{detailed}"
    );

    for list in [["audit", "list", "--kind", "nosuch"].as_slice(), &["admin", "audit", "list", "--kind", "nosuch"]] {
        let refused = installation.run(list).await.expect_err("no such kind");
        assert!(refused.contains("nosuch") && refused.contains("client_removed"), "{refused}");
    }

    let verdict = installation.json(&["audit", "verify"]).await;
    assert_eq!((&verdict["intact"], &verdict["unchained"]), (&json!(true), &json!(0)));
    let checkpoint = verdict["checkpoint"].as_str().expect("a checkpoint");
    installation.run(&["audit", "verify", "--checkpoint", checkpoint]).await.expect("the same chain");
    checkpoints_are_held(&installation, checkpoint).await;
    let lines = installation.run(&["audit", "export", "--format", "jsonl"]).await.expect("exported");
    assert_eq!(i64::try_from(lines.lines().count()).ok(), verdict["rows"].as_i64().map(|rows| rows + 1));
    assert!(!lines.contains("ada@example.com"), "{lines}");

    let tamper = |mut tx: shared::db::Tx| async move { tx.execute(&TAMPER, []).await };
    app.store.write::<_, shared::db::StoreError, _, _>(tamper).await.expect("tampered");
    for verify in [&["audit", "verify"][..], &["admin", "audit", "verify"]] {
        let error = installation.run(verify).await.expect_err("found");
        assert!(error.starts_with("the audit chain is broken at "), "{error}");
    }
    let unmeant = installation.run(&["user", "erase", "ada@example.com"]).await.expect_err("not meant");
    assert!(unmeant.contains("--yes"), "{unmeant}");
    let erase = ["user", "erase", "ada@example.com", "--yes"];
    installation.run(&erase).await.expect("erased");
    assert!(installation.run(&erase).await.is_err());
}

/// Numbers, texts and keys that differ because a thing was looked at twice do not occur: nothing is done between the two looks.
#[tokio::test]
async fn a_plain_command_prints_the_json_of_the_administration_interface() {
    let installation = Installation::new();
    let app = with_resource(&installation).await;
    let new = NewUser { email: "ada@example.com", display_name: "", password: None, is_administrator: false };
    add_user(&app.store, &app.passwords, &*app.random, &Actor::CommandLine, &new, START).await.expect("added");
    installation.json(&["organization", "add", "acme", "--name", "Acme", "--owner", "ada@example.com"]).await;
    let machine = ["--grant", "client_credentials", "--scope", "mcp.read", "--resource", RESOURCE];
    let client = installation.json(&[&["client", "add", "nightly"][..], &machine].concat()).await;
    let id = client["client_id"].as_str().expect("an id");
    for (plain, same) in [
        (&["user", "list"][..], &["admin", "users", "list"][..]),
        (&["client", "list"], &["admin", "clients", "list"]),
        (&["client", "show", id], &["admin", "clients", "show", id]),
        (&["organization", "list"], &["admin", "organizations", "list"]),
        (&["resource", "list"], &["admin", "resources", "list"]),
        (&["grant", "list"], &["admin", "grants", "list"]),
    ] {
        let printed = installation.json(plain).await;
        assert_eq!(printed, installation.json(same).await, "{plain:?}");
        assert!(printed["items"].as_array().is_none_or(|items| !items.is_empty() || plain[0] == "grant"), "{printed}");
    }
}

#[tokio::test]
async fn what_is_not_there_ends_every_command_alike() {
    let installation = Installation::new();
    let _app = with_resource(&installation).await;
    for arguments in [
        &["user", "disable", "nobody@example.com"][..],
        &["client", "show", "nothing"],
        &["client", "remove", "nothing"],
        &["client", "rotate-secret", "nothing"],
        &["grant", "revoke", "nothing"],
        &["organization", "show", "nothing"],
        &["resource", "set", "https://nowhere.example/mcp", "--algorithm", "RS256"],
        &["keys", "revoke", "nothing"],
        &["admin", "users", "show", "nothing"],
    ] {
        assert_eq!(installation.exit_code(arguments).await, 3, "{arguments:?}");
    }
    for arguments in [&["client", "add", "x", "--grant", "password"][..], &["revoke-all"]] {
        assert_eq!(installation.exit_code(arguments).await, 1, "{arguments:?}");
    }
}
