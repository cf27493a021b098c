//! The key-encryption key is replaced under load, by editing a file on each host: nothing is restarted, nothing fails, nothing is lost.

use crate::auth_server::{
    ManualClock, TestServer,
    browser::{Browser, Form, form},
    database::for_each_database,
    given::{SECRET, TOKEN, basic, confidential_client, kid_of},
    test_server::{RESOURCE, START},
    visitors::{Ask, PASSWORD, WEBSITE, brought, consent_form},
};
use auth_server::{
    app::App,
    audit::Actor,
    change_log::{Change, append, follower::follow},
    key_lifecycle::{
        KEY_ENCRYPTION_KEY_FILE, KeyAct, Pace, Rotation, SEALED_COLUMNS, advance_signing_keys,
        replace_key_encryption_key, rotate_signing_key, times::PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS,
    },
};
use shared::{
    db::Store,
    protocol::token_algorithm::TokenAlgorithm,
    random::SystemRandom,
    sealing::{KeyEncryptionKeys, Sealing},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use system_tests::poll::until;
use tempfile::TempDir;
use tokio::{task::JoinSet, time::interval};
use tokio_util::sync::CancellationToken;

for_each_database!(
    a_key_is_replaced_under_load_and_nobody_notices,
    a_file_that_would_not_open_everything_is_not_taken,
    a_file_that_hangs_keeps_no_revocation_and_no_key,
);

const ADA: &str = "ada@example.com";
const SETTINGS: &str = "machine_tokens_per_minute = 100000000\nrefreshes_per_minute = 1000000";
const PATIENCE: Duration = Duration::from_secs(60);
/// Each client asks so often: a machine that does nothing else would starve the servers.
const PACE: Duration = Duration::from_millis(50);

fn line() -> String {
    KeyEncryptionKeys::generate(&SystemRandom).to_text().expose().to_owned()
}

fn keys(text: &str) -> KeyEncryptionKeys {
    KeyEncryptionKeys::parse(text).expect("keys")
}

/// As an editor does that keeps the file: for a moment it is empty.
fn write(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(file, text).expect("written");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("private");
}

async fn follow_file(app: Arc<App>, stop: CancellationToken) {
    app.key_file.follow(&app.store, &app.sealing, &stop).await;
}

/// Two hosts with a file each, and how often which of them was asked.
struct Hosts {
    servers: [TestServer; 2],
    files: [PathBuf; 2],
    _directories: [TempDir; 2],
    turn: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

impl Hosts {
    async fn start(store: &Store, text: &str, stop: &CancellationToken) -> Arc<Self> {
        let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        let files = [0, 1].map(|host: usize| directories[host].path().join(KEY_ENCRYPTION_KEY_FILE));
        for file in &files {
            write(file, text);
        }
        let clock = Arc::new(ManualClock::at(START));
        let one = TestServer::start_beside_key_file(store, directories[0].path(), &clock, SETTINGS).await;
        one.add_resource(RESOURCE).await;
        let one = one.and_app().await;
        one.add_client(&confidential_client("web")).await;
        one.add_member(ADA).await;
        let two = TestServer::start_beside_key_file(store, directories[1].path(), &clock, SETTINGS).await;
        for server in [&one, &two] {
            tokio::spawn(follow(Arc::clone(&server.app), stop.clone()));
            tokio::spawn(follow_file(Arc::clone(&server.app), stop.clone()));
        }
        let (turn, refused) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { servers: [one, two], files, _directories: directories, turn, refused })
    }

    fn next(&self) -> &TestServer {
        &self.servers[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }

    fn tell(&self, what: &str, status: http::StatusCode, expected: u16, body: &str) -> bool {
        if status != expected {
            self.refused.lock().expect("unpoisoned").push(format!("{what}: {status} {body}"));
        }
        status == expected
    }

    async fn has_read(&self, host: usize, text: &str) {
        let read = || async { self.servers[host].app.sealing.has_keys(&keys(text)).then_some(()) };
        until("the file is read again", PATIENCE, read).await.expect("read");
    }

    /// Some more requests of everybody.
    async fn go_on(&self) {
        let before = self.turn.load(Ordering::Relaxed);
        let asked = || async { (self.turn.load(Ordering::Relaxed) > before + 20).then_some(()) };
        until("requests", PATIENCE, asked).await.expect("asked");
    }
}

/// Takes tokens and refreshes.
async fn token_client(hosts: Arc<Hosts>, mut refresh_token: String, stop: CancellationToken) -> String {
    let mut pace = interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let form = [("grant_type", "client_credentials")];
        let answer = hosts.next().post_form_as(TOKEN, &basic("web", SECRET), &form).await;
        hosts.tell("client credentials", answer.status, 200, &answer.body);
        let answer = hosts.next().refresh(&refresh_token).await;
        if hosts.tell("refresh", answer.status, 200, &answer.body) {
            refresh_token = answer.text("refresh_token");
        }
    }
    refresh_token
}

/// Goes from page to page, each at the other host: what one sealed the other opens.
async fn visitor(hosts: Arc<Hosts>, client: String, stop: CancellationToken) {
    let mut pace = interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let mut browser = Browser::new(hosts.next());
        let page = browser.get(&Ask::of(&client).path()).await;
        if !hosts.tell("a sign-in page", page.status, 200, &page.body) {
            continue;
        }
        let form = form(&page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
        let answer = submit_at(hosts.next(), &mut browser, &form).await;
        if !hosts.tell("a sign-in", answer.status, 303, &answer.body) {
            continue;
        }
        let mut at_the_other = Browser::new(hosts.next());
        at_the_other.cookies.clone_from(&browser.cookies);
        let page = at_the_other.follow(&answer).await;
        hosts.tell("a consent page", page.status, 200, &page.body);
    }
}

async fn submit_at(server: &TestServer, browser: &mut Browser<'_>, form: &Form) -> crate::auth_server::Answer {
    let mut at = Browser::new(server);
    at.cookies.clone_from(&browser.cookies);
    let answer = at.submit(form).await;
    browser.cookies.clone_from(&at.cookies);
    answer
}

async fn a_key_is_replaced_under_load_and_nobody_notices(store: &Store) {
    let (old, new, stop) = (line(), line(), CancellationToken::new());
    let hosts = Hosts::start(store, &old, &stop).await;
    let client = hosts.servers[0].register_client("Claude Code").await;
    let (mut tokens, mut visitors, enough) = (JoinSet::new(), JoinSet::new(), CancellationToken::new());
    for _ in 0..2 {
        let family = hosts.servers[0].family().await;
        tokens.spawn(token_client(Arc::clone(&hosts), family, enough.clone()));
    }
    visitors.spawn(visitor(Arc::clone(&hosts), client.clone(), enough.clone()));
    let mut browser = Browser::signed_in(&hosts.servers[0], ADA, PASSWORD).await;
    let open_form = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");

    // As docs/operations.md has it: below, then on top, on one host after the other, while everybody goes on.
    for text in [format!("{old}{new}"), format!("{new}{old}")] {
        for host in [0, 1] {
            write(&hosts.files[host], &text);
            hosts.has_read(host, &text).await;
            hosts.go_on().await;
        }
    }
    let sealing = Sealing::new(keys(&format!("{new}{old}")), Arc::new(SystemRandom));
    let act = KeyAct { store, sealing: &sealing, random: &SystemRandom, by: &Actor::CommandLine, now: START };
    replace_key_encryption_key(&act, |_| {}).await.expect("sealed anew");
    hosts.go_on().await;
    let answer = submit_at(&hosts.servers[1], &mut browser, &open_form).await;
    assert!(brought(&answer, WEBSITE).contains_key("code"), "a form from before the change: {answer:?}");
    for host in [0, 1] {
        write(&hosts.files[host], &new);
        hosts.has_read(host, &new).await;
        hosts.go_on().await;
    }
    let kid = rotated(&hosts).await;
    hosts.go_on().await;
    enough.cancel();
    while visitors.join_next().await.is_some() {}
    while let Some(refresh_token) = tokens.join_next().await {
        let answer = hosts.next().refresh(&refresh_token.expect("no panic")).await;
        assert_eq!(kid_of(&answer.text("access_token")), kid, "the grant lives on, under a new key");
    }
    let refused = hosts.refused.lock().expect("unpoisoned").clone();
    assert!(refused.is_empty(), "{refused:#?}");
    for column in SEALED_COLUMNS {
        let under = column.key_ids(&mut store.read()).await.expect("read");
        assert!(under.iter().all(|(id, _)| *id == sealing.current_key_id()), "{}: {under:?}", column.table);
    }
    stop.cancel();
}

/// A rotation after the old key is gone; both hosts sign with what it made.
async fn rotated(hosts: &Hosts) -> String {
    let act = hosts.servers[0].app.key_act();
    let rotation = rotate_signing_key(&act, TokenAlgorithm::Es256, Pace::Hurry).await.expect("rotated");
    let Rotation::Prepared { kid, .. } = rotation else { panic!("published first") };
    let published = || async {
        let knows = |server: &TestServer| server.app.keys.verification_keys().contains(&kid);
        hosts.servers.iter().all(knows).then_some(())
    };
    until("both publish it", PATIENCE, published).await.expect("published");
    hosts.servers[0].clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS);
    advance_signing_keys(&hosts.servers[1].app.key_act(), super::PERIOD_SECONDS).await.expect("activated");
    for server in &hosts.servers {
        server.follow().await;
    }
    kid
}

async fn a_file_that_would_not_open_everything_is_not_taken(store: &Store) {
    let (old, new, directory) = (line(), line(), tempfile::tempdir().expect("a directory"));
    let file = directory.path().join(KEY_ENCRYPTION_KEY_FILE);
    write(&file, &old);
    let clock = Arc::new(ManualClock::at(START));
    let server = TestServer::start_beside_key_file(store, directory.path(), &clock, "").await;
    let app = &server.app;
    for not_taken in [String::new(), "# all gone\n".to_owned(), "nonsense".to_owned(), new.clone()] {
        write(&file, &not_taken);
        app.key_file.look(store, &app.sealing).await;
        assert!(app.sealing.has_keys(&keys(&old)), "{not_taken:?}");
    }
    std::fs::remove_file(&file).expect("lost");
    app.reload_keys().await.expect("what it holds opens everything");
    assert!(app.sealing.has_keys(&keys(&old)), "a lost file costs nothing that runs");
    for taken in [format!("{new}{old}"), format!("{old}{new}"), old.clone()] {
        write(&file, &taken);
        app.key_file.look(store, &app.sealing).await;
        assert!(app.sealing.has_keys(&keys(&taken)), "{taken}");
    }
}

/// Whoever opens it waits for somebody who writes.
fn make_hanging(file: &Path) {
    std::fs::remove_file(file).expect("removed");
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(file).status().expect("mkfifo");
    assert!(made.success());
}

async fn a_file_that_hangs_keeps_no_revocation_and_no_key(store: &Store) {
    let (directory, stop) = (tempfile::tempdir().expect("a directory"), CancellationToken::new());
    let file = directory.path().join(KEY_ENCRYPTION_KEY_FILE);
    let old = line();
    write(&file, &old);
    let clock = Arc::new(ManualClock::at(START));
    let server = TestServer::start_beside_key_file(store, directory.path(), &clock, SETTINGS).await;
    server.add_resource(RESOURCE).await;
    server.add_client(&confidential_client("web")).await;
    let another = server.another("").await;
    make_hanging(&file);
    tokio::spawn(follow(Arc::clone(&server.app), stop.clone()));
    tokio::spawn(follow_file(Arc::clone(&server.app), stop.clone()));
    server.app.key_file.look(store, &server.app.sealing).await;

    let mut positions = server.app.follower.positions();
    positions.borrow_and_update();
    let revoke = |mut tx| async move { append(&mut tx, Change::GrantRevoked("a grant"), START).await };
    store.write(revoke).await.expect("told");
    // Sooner than the minute after which it would stop signing.
    tokio::time::timeout(PATIENCE / 3, positions.changed()).await.expect("followed").expect("lives");
    let act = another.app.key_act();
    let rotation = rotate_signing_key(&act, TokenAlgorithm::Es256, Pace::Hurry).await.expect("rotated");
    let Rotation::Prepared { kid, .. } = rotation else { panic!("published first") };
    clock.advance(PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS);
    advance_signing_keys(&another.app.key_act(), super::PERIOD_SECONDS).await.expect("activated");
    let signs = || async { (super::token(&server).await.1 == kid).then_some(()) };
    until("the new key signs", PATIENCE, signs).await.expect("it signs");

    // Whoever waited for the file hears at last what is in it.
    let answer = format!("{old}{}", line());
    std::fs::write(&file, &answer).expect("written");
    let read = || async { server.app.sealing.has_keys(&keys(&answer)).then_some(()) };
    until("the file is read", PATIENCE, read).await.expect("read");
    stop.cancel();
}
