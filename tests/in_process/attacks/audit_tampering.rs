//! Somebody who can write the database, but holds no key, changes what the audit log says: each way is found, and where.

use crate::auth_server::{
    TestServer, browser::Browser, database::for_each_database, test_server::START, visitors::PASSWORD,
};
use auth_server::audit::{
    chain_events::{ChainError, chain_events},
    forget_events,
    verify_chain::{Break, Damage, verify_chain},
};
use shared::{
    db::{Statement, Store, StoreError},
    random::SystemRandom,
};

for_each_database!(
    every_way_of_tampering_is_found_where_it_was_done,
    a_cut_end_is_found_and_not_built_upon,
    an_older_state_is_found_by_a_checkpoint,
    retention_does_not_bless_a_gap,
);

async fn run(store: &Store, statement: &'static Statement) {
    let work = |mut tx: shared::db::Tx| async move { tx.execute(statement, []).await };
    let rows = store.write::<_, StoreError, _, _>(work).await.expect("executed");
    assert!(rows >= 1, "{statement:?} did nothing");
}

async fn found(server: &TestServer) -> Option<Break> {
    verify_chain(&server.app.store, &server.app.audit_key, &[]).await.expect("read").err()
}

macro_rules! tampering {
    ($($name:literal: $sql:literal, $undo:literal => $damage:ident at $sequence:literal;)*) => {
        [$((
            Statement::new($name, $sql),
            Statement::new(concat!($name, ".undo"), $undo),
            Break { damage: Damage::$damage, sequence: $sequence },
        )),*]
    };
}

/// Ten rows are chained; two people are in the first four.
static WAYS: [(Statement, Statement, Break); 13] = tampering![
    "another kind": "UPDATE audit_event SET detail = kind, kind = 'signed_out' WHERE sequence = 5",
        "UPDATE audit_event SET kind = detail, detail = NULL WHERE sequence = 5" => Changed at 5;
    "another time": "UPDATE audit_event SET at = at + 1 WHERE sequence = 6",
        "UPDATE audit_event SET at = at - 1 WHERE sequence = 6" => Changed at 6;
    "another client": "UPDATE audit_event SET client_id = 'd' WHERE sequence = 7",
        "UPDATE audit_event SET client_id = 'c' WHERE sequence = 7" => Changed at 7;
    "another actor": "UPDATE audit_event SET actor = 'user' WHERE sequence = 8",
        "UPDATE audit_event SET actor = 'local' WHERE sequence = 8" => Changed at 8;
    "another pseudonym": "UPDATE audit_event SET detail = person, person = 'p' WHERE sequence = 1",
        "UPDATE audit_event SET person = detail, detail = NULL WHERE sequence = 1" => Changed at 1;
    "deleted": "UPDATE audit_event SET sequence = NULL WHERE sequence = 5",
        "UPDATE audit_event SET sequence = 5 WHERE sequence IS NULL" => Missing at 5;
    "the first deleted": "UPDATE audit_event SET sequence = NULL WHERE sequence = 1",
        "UPDATE audit_event SET sequence = 1 WHERE sequence IS NULL" => Missing at 1;
    "the last deleted": "UPDATE audit_event SET sequence = NULL WHERE sequence = 10",
        "UPDATE audit_event SET sequence = 10 WHERE sequence IS NULL" => Missing at 10;
    "moved to the end": "UPDATE audit_event SET sequence = 11 WHERE sequence = 9",
        "UPDATE audit_event SET sequence = 9 WHERE sequence = 11" => Missing at 9;
    "put behind the end": "INSERT INTO audit_event (id, at, kind, sequence, hash, mac) \
        SELECT 'forged', at, kind, 11, hash, mac FROM audit_event WHERE sequence = 10",
        "DELETE FROM audit_event WHERE id = 'forged'" => Inserted at 11;
    "put before the beginning": "INSERT INTO audit_event (id, at, kind, sequence, hash, mac) \
        SELECT 'forged', at, kind, 0, hash, mac FROM audit_event WHERE sequence = 10",
        "DELETE FROM audit_event WHERE id = 'forged'" => Inserted at 0;
    "ends moved": "UPDATE audit_chain SET sequence = 9", "UPDATE audit_chain SET sequence = 10" => Ends at 9;
    "ends removed": "UPDATE audit_chain SET anchor_sequence = anchor_sequence + 1",
        "UPDATE audit_chain SET anchor_sequence = anchor_sequence - 1" => Ends at 10;
];

async fn ten_rows(store: &Store) -> TestServer {
    let server = TestServer::start_on(store.clone(), "").await;
    clear(&server).await;
    for email in ["ada@example.com", "eve@example.com"] {
        server.add_member(email).await;
        Browser::signed_in(&server, email, PASSWORD).await;
        server.chain().await;
    }
    server.record_events(6, START).await;
    assert_eq!(server.chain().await, 6);
    assert_eq!(server.intact().await.checkpoint.sequence, 10);
    server
}

/// What the server recorded while it started, before anything is chained.
async fn clear(server: &TestServer) {
    const CLEAR: Statement = Statement::new("test.clear", "DELETE FROM audit_event");
    let work = |mut tx: shared::db::Tx| async move { tx.execute(&CLEAR, []).await };
    server.app.store.write::<_, StoreError, _, _>(work).await.expect("cleared");
}

async fn every_way_of_tampering_is_found_where_it_was_done(store: &Store) {
    let server = ten_rows(store).await;
    for (tamper, undo, expected) in &WAYS {
        run(store, tamper).await;
        assert_eq!(found(&server).await, Some(*expected), "{tamper:?}");
        run(store, undo).await;
        assert_eq!(found(&server).await, None, "{undo:?}");
    }
    // Two rows change places.
    const PLACES: [Statement; 3] = [
        Statement::new("test.away", "UPDATE audit_event SET sequence = -1 WHERE sequence = 5"),
        Statement::new("test.down", "UPDATE audit_event SET sequence = 5 WHERE sequence = 6"),
        Statement::new("test.up", "UPDATE audit_event SET sequence = 6 WHERE sequence = -1"),
    ];
    for statement in &PLACES {
        run(store, statement).await;
    }
    assert_eq!(found(&server).await, Some(Break { damage: Damage::Changed, sequence: 5 }));
    for statement in &PLACES {
        run(store, statement).await;
    }
    assert_eq!(found(&server).await, None);
    ascribing_acts_to_others_is_found(&server).await;
}

async fn ascribing_acts_to_others_is_found(server: &TestServer) {
    const TAKEN_OUT: Statement =
        Statement::new("test.taken_out", "UPDATE audit_event SET user_id = NULL WHERE sequence = 2");
    const ASCRIBED: Statement = Statement::new(
        "test.ascribed",
        "UPDATE audit_event SET user_id = (SELECT user_id FROM audit_event WHERE sequence = 3) WHERE sequence = 2",
    );
    const BACK: Statement = Statement::new(
        "test.back",
        "UPDATE audit_event SET user_id = (SELECT user_id FROM audit_event WHERE sequence = 1) WHERE sequence = 2",
    );
    const SALTS: Statement = Statement::new(
        "test.salts",
        "UPDATE audit_person SET salt = (SELECT salt FROM audit_person ORDER BY salt LIMIT 1)",
    );
    let store = &server.app.store;
    run(store, &TAKEN_OUT).await;
    assert_eq!(found(server).await, Some(Break { damage: Damage::PersonRemoved, sequence: 2 }));
    run(store, &ASCRIBED).await;
    assert_eq!(found(server).await, Some(Break { damage: Damage::Ascribed, sequence: 2 }));
    run(store, &BACK).await;
    assert_eq!(found(server).await, None);
    run(store, &SALTS).await;
    assert!(found(server).await.is_some_and(|found| found.damage == Damage::Ascribed));
}

async fn a_cut_end_is_found_and_not_built_upon(store: &Store) {
    const CUT: Statement = Statement::new("test.cut", "DELETE FROM audit_event WHERE sequence > 7");
    const ENDS: Statement = Statement::new(
        "test.ends",
        "UPDATE audit_chain SET sequence = 7, hash = (SELECT hash FROM audit_event WHERE sequence = 7), \
         mac = (SELECT mac FROM audit_event WHERE sequence = 7)",
    );
    let server = ten_rows(store).await;
    run(store, &CUT).await;
    assert_eq!(found(&server).await, Some(Break { damage: Damage::Missing, sequence: 8 }));
    run(store, &ENDS).await;
    assert_eq!(found(&server).await, Some(Break { damage: Damage::Ends, sequence: 7 }));
    server.record_events(1, START).await;
    let chained = chain_events(store, &server.app.audit_key, &SystemRandom).await;
    assert!(matches!(chained, Err(ChainError::Ends)), "the forged end is not signed over: {chained:?}");
    assert_eq!(found(&server).await, Some(Break { damage: Damage::Ends, sequence: 7 }));
}

/// Rows and end of an hour ago are put back, signatures and all.
async fn an_older_state_is_found_by_a_checkpoint(store: &Store) {
    const KEEP: Statement = Statement::new("test.keep", "CREATE TABLE kept AS SELECT * FROM audit_chain");
    const PUT_BACK: [Statement; 3] = [
        Statement::new("test.cut", "DELETE FROM audit_event WHERE sequence > 10"),
        Statement::new("test.empty", "DELETE FROM audit_chain"),
        Statement::new("test.put_back", "INSERT INTO audit_chain SELECT * FROM kept"),
    ];
    let server = ten_rows(store).await;
    let work = |mut tx: shared::db::Tx| async move { tx.execute(&KEEP, []).await };
    store.write::<_, StoreError, _, _>(work).await.expect("kept");
    server.record_events(2, START).await;
    server.chain().await;
    let noted = server.intact().await.checkpoint;
    for statement in &PUT_BACK {
        run(store, statement).await;
    }
    assert_eq!(found(&server).await, None, "by itself it is a whole chain");
    let verify = || verify_chain(store, &server.app.audit_key, std::slice::from_ref(&noted));
    let damage = verify().await.expect("read").expect_err("another chain").damage;
    assert_eq!(damage, Damage::Checkpoint);
    server.record_events(3, START + 1).await;
    server.chain().await;
    let damage = verify().await.expect("read").expect_err("another chain").damage;
    assert_eq!(damage, Damage::Checkpoint, "also when it has grown again");
}

async fn retention_does_not_bless_a_gap(store: &Store) {
    const GAP: Statement = Statement::new("test.gap", "DELETE FROM audit_event WHERE sequence = 6");
    let server = ten_rows(store).await;
    run(store, &GAP).await;
    let forgotten = forget_events(store, &server.app.audit_key, &SystemRandom, 10, START + 1000).await;
    assert!(matches!(forgotten, Err(ChainError::Broken { sequence: 6 })), "{forgotten:?}");
    assert_eq!(found(&server).await, Some(Break { damage: Damage::Missing, sequence: 6 }));
}
