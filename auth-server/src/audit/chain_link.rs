//! What ties a row to the one before it. Pure, and written down in `docs/operations.md`, so that others can verify an export.

use crate::store::{
    audit_chain::ChainEnds,
    audit_event::{AuditRow, Link},
};
use keys::AuditKey;
use sha2::{Digest as _, Sha256};

/// The hash before the first row.
pub const FIRST_HASH: [u8; 32] = [0; 32];
const ROW: &str = "row";
const ENDS: &str = "ends";
const PERSON: &str = "person";
/// Bytes of a pseudonym: enough that no two people share one.
const PERSON_BYTES: usize = 16;

/// The place of `row` behind `previous_hash`. Its pseudonyms must be set; ids of users take no part, so that a person can be erased.
pub fn link_of(key: &AuditKey, previous_hash: &[u8], sequence: i64, row: &AuditRow) -> Link {
    let hash = hash_of(previous_hash, sequence, row);
    Link { sequence, hash: hash.to_vec(), mac: key.sign(ROW, &[&hash]).to_vec() }
}

/// SHA-256 over the hash before, the number and the row: each part behind its length in eight bytes, an absent one as eight bytes `ff`.
pub fn hash_of(previous_hash: &[u8], sequence: i64, row: &AuditRow) -> [u8; 32] {
    let (sequence, at) = (sequence.to_string(), row.at.to_string());
    let mut digest = Sha256::new();
    let optional = [
        row.actor.as_deref(),
        row.actor_person.as_deref(),
        row.actor_client_id.as_deref(),
        row.person.as_deref(),
        row.client_id.as_deref(),
        row.grant_id.as_deref(),
        row.target.as_deref(),
        row.address_block.as_deref(),
        row.detail.as_deref(),
        row.request_id.as_deref(),
    ];
    let always = [previous_hash, sequence.as_bytes(), row.id.as_bytes(), at.as_bytes(), row.kind.as_bytes()];
    let parts = always.into_iter().map(Some).chain(optional.iter().map(|part| part.map(str::as_bytes)));
    for part in parts {
        match part {
            Some(part) => {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
            None => digest.update([0xff; 8]),
        }
    }
    digest.finalize().into()
}

/// Whether a row's hash was signed by the job that chained it.
pub fn is_signed(key: &AuditKey, link: &Link) -> bool {
    key.is_signed(ROW, &[&link.hash], &link.mac)
}

/// The ends of a chain, signed.
pub fn ends(key: &AuditKey, anchor: (i64, &[u8]), last: (i64, &[u8])) -> ChainEnds {
    let mut ends = ChainEnds {
        anchor_sequence: anchor.0,
        anchor_hash: anchor.1.to_vec(),
        sequence: last.0,
        hash: last.1.to_vec(),
        mac: Vec::new(),
    };
    ends.mac = key.sign(ENDS, &ends_message(&ends).each_ref().map(Vec::as_slice)).to_vec();
    ends
}

/// Whether the ends were signed by us.
pub fn are_signed(key: &AuditKey, ends: &ChainEnds) -> bool {
    key.is_signed(ENDS, &ends_message(ends).each_ref().map(Vec::as_slice), &ends.mac)
}

fn ends_message(ends: &ChainEnds) -> [Vec<u8>; 4] {
    let number = |number: i64| number.to_be_bytes().to_vec();
    [number(ends.anchor_sequence), ends.anchor_hash.clone(), number(ends.sequence), ends.hash.clone()]
}

/// The pseudonym of a user: nobody finds the user by it once the salt is gone.
pub fn person_of(key: &AuditKey, salt: &[u8], user_id: &str) -> String {
    hex(&key.sign(PERSON, &[salt, user_id.as_bytes()])[..PERSON_BYTES])
}

/// Bytes as people compare them.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{FIRST_HASH, are_signed, ends, hash_of, hex, is_signed, link_of, person_of};
    use crate::store::audit_event::AuditRow;
    use keys::AuditKey;
    use shared::random::SystemRandom;

    fn row() -> AuditRow {
        AuditRow {
            id: "event".to_owned(),
            at: 1_800_000_000,
            kind: "signed_in".to_owned(),
            actor: Some("user".to_owned()),
            actor_user_id: Some("ada".to_owned()),
            actor_person: Some("p1".to_owned()),
            actor_client_id: None,
            user_id: Some("ada".to_owned()),
            person: Some("p1".to_owned()),
            client_id: None,
            grant_id: None,
            target: None,
            address_block: Some("192.0.2.0/24".to_owned()),
            detail: None,
            request_id: Some("request".to_owned()),
            link: None,
        }
    }

    #[test]
    fn the_hash_is_the_one_that_is_written_down() {
        // What another program computes from the description, byte for byte.
        let expected = "5d20a3670a46569a3e590c1f888d7fad362650ef760cf933d33562fa92ecd696";
        assert_eq!(hex(&hash_of(&FIRST_HASH, 1, &row())), expected);
    }

    #[test]
    fn whatever_is_covered_changes_the_hash_and_ids_of_users_do_not() {
        let original = hash_of(&FIRST_HASH, 1, &row());
        let changed: [fn(&mut AuditRow); 12] = [
            |row| row.id.push('x'),
            |row| row.at += 1,
            |row| row.kind.push('x'),
            |row| row.actor = None,
            |row| row.actor_person = None,
            |row| row.actor_client_id = Some(String::new()),
            |row| row.person = Some("p2".to_owned()),
            |row| row.client_id = Some("c".to_owned()),
            |row| row.grant_id = Some("g".to_owned()),
            |row| row.target = Some("t".to_owned()),
            |row| (row.address_block, row.detail) = (None, Some("192.0.2.0/24".to_owned())),
            |row| row.request_id = None,
        ];
        for (index, change) in changed.iter().enumerate() {
            let mut row = row();
            change(&mut row);
            assert_ne!(hash_of(&FIRST_HASH, 1, &row), original, "change {index}");
        }
        assert_ne!(hash_of(&FIRST_HASH, 2, &row()), original);
        assert_ne!(hash_of(&[1; 32], 1, &row()), original);
        let erased = AuditRow { user_id: None, actor_user_id: None, ..row() };
        assert_eq!(hash_of(&FIRST_HASH, 1, &erased), original);
    }

    #[test]
    fn links_ends_and_pseudonyms_belong_to_one_key() {
        let (key, other) = (AuditKey::generate(&SystemRandom), AuditKey::generate(&SystemRandom));
        let link = link_of(&key, &FIRST_HASH, 1, &row());
        assert!(is_signed(&key, &link) && !is_signed(&other, &link));
        let ends = ends(&key, (0, &FIRST_HASH), (1, &link.hash));
        assert!(are_signed(&key, &ends) && !are_signed(&other, &ends));
        let mut moved = ends.clone();
        moved.sequence = 0;
        assert!(!are_signed(&key, &moved));
        assert_eq!(person_of(&key, b"salt", "ada"), person_of(&key, b"salt", "ada"));
        assert_ne!(person_of(&key, b"salt", "ada"), person_of(&key, b"pepper", "ada"));
        assert_ne!(person_of(&key, b"salt", "ada"), person_of(&other, b"salt", "ada"));
    }
}
