//! The audit chain: every event is chained once, in one order, by whoever runs the job; people can be erased and old events forgotten without
//! breaking it.

use super::{TestServer, browser::Browser, database::for_each_database, test_server::START, visitors::PASSWORD};
use auth_server::{
    audit::{
        self, Actor, AuditEvent, AuditKind,
        chain_events::{ROWS_A_ROUND, chain_events},
        export_events, forget_events,
        verify_chain::{Checkpoint, Intact, verify_chain},
    },
    store::audit_event,
    users::{disable_user, enable_user, erase_user, erase_user::EraseUserRefusal},
};
use futures_util::future::join_all;
use serde_json::Value;
use shared::{
    db::{Statement, Store, StoreError},
    random::SystemRandom,
};

for_each_database!(
    events_are_chained_once_however_many_chain,
    what_commits_late_is_chained_like_any_other,
    a_server_that_died_before_chaining_leaves_nothing_unchained,
    an_erased_person_leaves_pseudonyms_and_a_whole_chain,
    an_act_that_outlives_the_erasure_names_nobody,
    old_events_go_and_the_rest_still_verifies,
    an_export_can_be_verified_without_the_database,
);

const ADA: &str = "ada@example.com";

impl TestServer {
    /// Records `count` events of nobody at `at`.
    pub async fn record_events(&self, count: usize, at: i64) {
        for _ in 0..count {
            let event = &AuditEvent::new(AuditKind::ClientAdded, &SystemRandom, at).client("c").by(&Actor::CommandLine);
            let work = |mut tx| async move { audit::record(&mut tx, event).await };
            self.app.store.write::<_, StoreError, _, _>(work).await.expect("recorded");
        }
    }

    /// Chains what is not chained yet.
    pub async fn chain(&self) -> usize {
        chain_events(&self.app.store, &self.app.audit_key, &SystemRandom).await.expect("chained")
    }

    /// The chain as it is, which must be whole.
    pub async fn intact(&self) -> Intact {
        verify_chain(&self.app.store, &self.app.audit_key, &[]).await.expect("read").expect("a whole chain")
    }
}

async fn rows(store: &Store) -> Vec<audit_event::AuditRow> {
    audit_event::list_chained(&mut store.read(), 0, 10_000).await.expect("read")
}

async fn events_are_chained_once_however_many_chain(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let setting_up = server.chain().await;
    let count = ROWS_A_ROUND + 50;
    server.record_events(count, START).await;
    let chaining = (0..4).map(|_| chain_events(store, &server.app.audit_key, &SystemRandom));
    let chained: usize = join_all(chaining).await.into_iter().map(|rows| rows.expect("chained")).sum();
    assert_eq!(chained, count, "each by one of them");
    assert_eq!(server.chain().await, 0);
    let intact = server.intact().await;
    let all = i64::try_from(count + setting_up).expect("few");
    assert_eq!((intact.first_sequence, intact.rows, intact.unchained), (1, all, 0));
    let sequences: Vec<i64> = rows(store).await.iter().filter_map(|row| Some(row.link.as_ref()?.sequence)).collect();
    assert_eq!(sequences, (1..=all).collect::<Vec<_>>());
}

async fn what_commits_late_is_chained_like_any_other(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    server.record_events(3, START + 100).await;
    server.chain().await;
    let before = server.intact().await;
    // Happened earlier, committed later.
    server.record_events(1, START - 100).await;
    assert_eq!(server.chain().await, 1);
    let intact = server.intact().await;
    assert_eq!(intact.rows, before.rows + 1);
    let last = rows(store).await.pop().expect("a row");
    assert_eq!((last.at, last.link.expect("chained").sequence), (START - 100, intact.checkpoint.sequence));
    let noted =
        verify_chain(store, &server.app.audit_key, std::slice::from_ref(&before.checkpoint)).await.expect("read");
    assert!(noted.is_ok(), "an older checkpoint still holds");
}

async fn a_server_that_died_before_chaining_leaves_nothing_unchained(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    server.add_member(ADA).await;
    server.chain().await;
    Browser::signed_in(&server, ADA, PASSWORD).await;
    assert!(server.intact().await.unchained > 0, "the sign-in is recorded and waits");
    // Another instance, which never saw the act, with the same sealed key.
    let key = audit::chain_key::open(store, &server.app.sealing, &SystemRandom, START).await.expect("the same key");
    drop(server);
    chain_events(store, &key, &SystemRandom).await.expect("chained");
    let intact = verify_chain(store, &key, &[]).await.expect("read").expect("whole");
    assert_eq!(intact.unchained, 0);
    assert!(rows(store).await.iter().any(|row| row.kind == "signed_in" && row.actor.as_deref() == Some("user")));
}

const IDS_LEFT: Statement = Statement::new(
    "test.ids_left",
    "SELECT COUNT(*) AS n FROM audit_event WHERE user_id IS NOT NULL OR actor_user_id IS NOT NULL",
);
const SALTS: Statement = Statement::new("test.salts", "SELECT COUNT(*) AS n FROM audit_person");
const NAMES_LEFT: Statement = Statement::new(
    "test.names_left",
    "SELECT COUNT(*) AS n FROM user_account WHERE email LIKE '%example.com' OR display_name <> '' OR password_hash IS NOT NULL",
);

async fn an_erased_person_leaves_pseudonyms_and_a_whole_chain(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let ada = server.add_member(ADA).await;
    Browser::signed_in(&server, ADA, PASSWORD).await;
    server.chain().await;
    // One event is not chained yet when she goes.
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let (app, by) = (&server.app, &Actor::CommandLine);
    let erase = || erase_user(store, &app.audit_key, &SystemRandom, by, &ada.id, START + 10);
    erase().await.expect("erased");
    assert!(matches!(erase().await, Err(EraseUserRefusal::NotThere)), "only once");
    let open = enable_user(store, &SystemRandom, by, &ada.id, START + 10).await;
    assert!(!open.expect("an answer"), "an erased account stays closed");
    for statement in [&IDS_LEFT, &SALTS, &NAMES_LEFT] {
        assert_eq!(server.number(statement).await, 0, "{statement:?}");
    }
    server.chain().await;
    assert_eq!(server.intact().await.unchained, 0);
    assert_eq!(server.audited("user_erased").await, 1);
    let people: std::collections::BTreeSet<_> = rows(store).await.into_iter().filter_map(|row| row.person).collect();
    assert_eq!(people.len(), 1, "her events still belong together: {people:?}");
    assert!(!browser.get("/").await.body.contains("Signed in as"), "her session ended");
    assert_eq!(Browser::new(&server).sign_in("/sign-in", ADA, PASSWORD).await.status, 403);
    let root = server.add_administrator("root@example.com").await;
    let last = erase_user(store, &app.audit_key, &SystemRandom, by, &root.id, START + 10).await;
    assert!(matches!(last, Err(EraseUserRefusal::LastAdministrator)), "{last:?}");
    let again = server.add_member(ADA).await;
    assert_ne!(again.id, ada.id, "the address is free, for another account");
}

async fn an_act_that_outlives_the_erasure_names_nobody(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let ada = server.add_member(ADA).await;
    server.chain().await;
    let erased = erase_user(store, &server.app.audit_key, &SystemRandom, &Actor::CommandLine, &ada.id, START).await;
    erased.expect("erased");
    // What was under way when she was erased commits now.
    let late = &AuditEvent::new(AuditKind::SignedOut, &SystemRandom, START).user(&ada.id).by_user(&ada.id);
    let work = |mut tx| async move { audit::record(&mut tx, late).await };
    store.write::<_, StoreError, _, _>(work).await.expect("recorded");
    server.chain().await;
    assert_eq!(server.number(&IDS_LEFT).await, 0);
    assert_eq!(server.number(&SALTS).await, 0);
    server.intact().await;
}

async fn old_events_go_and_the_rest_still_verifies(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let (day, key) = (24 * 3600, &server.app.audit_key);
    server.chain().await;
    server.record_events(5, START).await;
    server.chain().await;
    let early = server.intact().await.checkpoint;
    server.record_events(3, START + 10 * day).await;
    server.chain().await;
    server.record_events(1, START).await;
    server.chain().await;
    let old = server.intact().await;
    let now = START + 5 * day;
    assert_eq!(forget_events(store, key, &SystemRandom, 5 * day, now).await.expect("an answer"), 0, "nothing is older");
    let gone = forget_events(store, key, &SystemRandom, 5 * day, now + 1).await.expect("forgotten");
    assert_eq!(i64::try_from(gone).expect("few"), early.sequence, "up to the first that is younger");
    server.chain().await;
    let intact = server.intact().await;
    assert_eq!(intact.first_sequence, early.sequence + 1);
    assert_eq!(intact.rows, old.rows - early.sequence + 1, "and one that says what went");
    assert_eq!(server.audited("events_forgotten").await, 1);
    let noted = verify_chain(store, key, std::slice::from_ref(&old.checkpoint)).await.expect("read");
    assert!(noted.is_ok(), "a checkpoint that is kept still holds: {noted:?}");
    let noted = verify_chain(store, key, std::slice::from_ref(&early)).await.expect("read");
    assert!(noted.is_ok(), "one that was forgotten by age is no damage: {noted:?}");
}

async fn an_export_can_be_verified_without_the_database(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let ada = server.add_member(ADA).await;
    disable_user(store, &SystemRandom, &Actor::CommandLine, &ada.id, START).await.expect("disabled");
    server.record_events(4, START + 50).await;
    server.chain().await;
    let intact = server.intact().await;
    for (since, expected) in [(None, intact.rows), (Some(START + 50), 4), (Some(START + 51), 0)] {
        let mut output = Vec::new();
        let written = export_events(store, &server.app.audit_key, since, &mut output).await.expect("exported");
        assert_eq!(i64::try_from(written).expect("few"), expected);
        let text = String::from_utf8(output).expect("text");
        assert!(!text.contains(ADA), "no address leaves");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let end = verify_as_a_stranger(&lines);
        assert_eq!(end, intact.checkpoint, "{since:?}");
    }
}

/// What somebody does who has the export and the description in `docs/operations.md`, and no key: the last line's place and hash.
fn verify_as_a_stranger(lines: &[Value]) -> Checkpoint {
    use sha2::{Digest as _, Sha256};
    const PARTS: [&str; 10] = [
        "actor",
        "actor_person",
        "actor_client_id",
        "person",
        "client_id",
        "grant_id",
        "target",
        "address_block",
        "detail",
        "request_id",
    ];
    let (first, rows) = lines.split_first().expect("a first line");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
    };
    let mut sequence = first["after_sequence"].as_i64().expect("a number");
    let mut hash = text(&first["after_hash"]).expect("a hash");
    for row in rows {
        sequence += 1;
        assert_eq!(row["sequence"], sequence);
        let number = |name: &str| row[name].as_i64().expect("a number").to_string().into_bytes();
        let mut parts = vec![Some(bytes(&hash)), Some(number("sequence"))];
        parts.push(text(&row["id"]).map(String::into_bytes));
        parts.push(Some(number("at")));
        parts.push(text(&row["kind"]).map(String::into_bytes));
        parts.extend(PARTS.map(|name| text(&row[name]).map(String::into_bytes)));
        let mut digest = Sha256::new();
        for part in parts {
            match part {
                Some(part) => digest.update([&(part.len() as u64).to_be_bytes()[..], &part].concat()),
                None => digest.update([0xff; 8]),
            }
        }
        hash = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(row["hash"], hash, "row {sequence}");
    }
    assert_eq!((&first["last_sequence"], &first["last_hash"]), (&sequence.into(), &hash.clone().into()));
    Checkpoint { sequence, hash }
}
