//! Walks the chain from its anchor to its end and names the first row that is not as it was chained.

use super::{
    ChainKey,
    chain_events::ERASED,
    chain_link::{are_signed, hash_of, hex, is_signed, person_of},
};
use crate::store::{
    audit_chain::{self, ChainEnds},
    audit_event::{self, AuditRow},
    audit_person,
};
use shared::db::{Fetch, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

const ROWS_A_PAGE: i64 = 500;
/// More salts than this are not remembered at once.
const SALTS_MAX_COUNT: usize = 10_000;
/// Rows may be forgotten by age while the chain is walked; then it is walked again, so often.
const WALKS_MAX: usize = 3;

/// A place of the chain that somebody noted outside of the database: `sequence:hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The row.
    pub sequence: i64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

impl std::str::FromStr for Checkpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(sequence, hash)| Some((sequence.parse().ok()?, hash)));
        let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        match parsed {
            Some((sequence, hash)) if sequence >= 0 && is_hash(hash) => {
                Ok(Self { sequence, hash: hash.to_ascii_lowercase() })
            }
            _ => Err(format!("{text:?} is no checkpoint; `audit verify` prints one: SEQUENCE:HASH")),
        }
    }
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

/// What is wrong with the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The row that says where the chain ends is gone or was changed.
    #[error("what says where the chain begins and ends was changed or removed")]
    Ends,
    /// A row is not there, in the middle or at the end.
    #[error("the row was deleted")]
    Missing,
    /// The row, or its place, is not what was chained.
    #[error("the row was changed, moved or put there")]
    Changed,
    /// A row stands where none was chained.
    #[error("a row was put there")]
    Inserted,
    /// The row names another user than the one it was chained for, or one who was erased.
    #[error("the row was ascribed to somebody else")]
    Ascribed,
    /// The user was taken out of the row, but never erased.
    #[error("the user was taken out of the row without being erased")]
    PersonRemoved,
    /// The chain does not hold the checkpoint any more.
    #[error("the chain is another one than when the checkpoint was noted: it was cut, or put back to an older state")]
    Checkpoint,
}

/// A chain without damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intact {
    /// The first row that is kept.
    pub first_sequence: i64,
    /// How many rows were verified.
    pub rows: i64,
    /// Its end, to be noted elsewhere.
    pub checkpoint: Checkpoint,
    /// How many rows wait to be chained.
    pub unchained: i64,
}

/// The first break, in the order of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct Break {
    /// Where; with a checkpoint that does not match, its place.
    pub sequence: i64,
    /// What.
    pub damage: Damage,
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sequence, damage } = self;
        match damage {
            Damage::Checkpoint => write!(f, "the checkpoint {sequence} does not match: {damage}"),
            _ => write!(f, "the audit chain is broken at {sequence}: {damage}"),
        }
    }
}

/// Verifies the chain as it is now, and that it still holds each of `noted` that was not forgotten by age.
///
/// # Errors
/// The database failed.
pub async fn verify_chain(
    store: &Store,
    key: &ChainKey,
    noted: &[Checkpoint],
) -> Result<Result<Intact, Break>, StoreError> {
    let mut db = store.read();
    let broken_ends =
        |ends: Option<&ChainEnds>| Break { sequence: ends.map_or(0, |ends| ends.sequence), damage: Damage::Ends };
    let mut found = None;
    for _ in 0..WALKS_MAX {
        let ends = audit_chain::find(&mut db).await?;
        let Some(ends) = ends.as_ref().filter(|ends| are_signed(key, ends)) else {
            return Ok(Err(broken_ends(ends.as_ref())));
        };
        let walked = Walk::begin(key, ends, noted).walk(&mut db).await?;
        let now = audit_chain::find(&mut db).await?;
        let has_moved = now.is_some_and(|now| now.anchor_sequence != ends.anchor_sequence);
        let is_sound = walked.is_ok();
        found = Some(walked);
        if is_sound || !has_moved {
            break;
        }
    }
    Ok(found.unwrap_or_else(|| Err(broken_ends(None))))
}

/// One walk along the chain.
struct Walk<'a> {
    key: &'a ChainKey,
    ends: &'a ChainEnds,
    noted: &'a [Checkpoint],
    sequence: i64,
    hash: Vec<u8>,
    salts: BTreeMap<String, Option<Vec<u8>>>,
    /// Pseudonyms whose user is not in the row any more, and where that was first seen.
    nameless: BTreeMap<String, i64>,
    erased: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn begin(key: &'a ChainKey, ends: &'a ChainEnds, noted: &'a [Checkpoint]) -> Self {
        let (sequence, hash) = (ends.anchor_sequence, ends.anchor_hash.clone());
        let (salts, nameless, erased) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { key, ends, noted, sequence, hash, salts, nameless, erased }
    }

    async fn walk(mut self, db: &mut impl Fetch) -> Result<Result<Intact, Break>, StoreError> {
        while self.sequence < self.ends.sequence {
            let page = audit_event::list_chained(db, self.sequence, ROWS_A_PAGE).await?;
            if page.is_empty() {
                return Ok(self.broken(self.sequence + 1, Damage::Missing));
            }
            let wanted = usize::try_from(self.ends.sequence - self.sequence).unwrap_or(usize::MAX);
            for row in page.iter().take(wanted) {
                if let Err(damage) = self.step(row, db).await? {
                    return Ok(self.broken(self.sequence + 1, damage));
                }
            }
        }
        self.finish(db).await
    }

    /// Judges the next row, and stands on it afterwards.
    async fn step(&mut self, row: &AuditRow, db: &mut impl Fetch) -> Result<Result<(), Damage>, StoreError> {
        let Some(link) = &row.link else { return Ok(Err(Damage::Missing)) };
        let expected = self.sequence + 1;
        if link.sequence > expected {
            return Ok(Err(Damage::Missing));
        }
        let hash = hash_of(&self.hash, expected, row);
        if link.sequence < expected || link.hash != hash || !is_signed(self.key, link) {
            return Ok(Err(Damage::Changed));
        }
        for (user, person) in [(&row.user_id, &row.person), (&row.actor_user_id, &row.actor_person)] {
            if !self.is_person(user.as_deref(), person.as_deref(), expected, db).await? {
                return Ok(Err(Damage::Ascribed));
            }
        }
        if self.noted.iter().any(|noted| noted.sequence == expected && noted.hash != hex(&hash)) {
            return Ok(Err(Damage::Checkpoint));
        }
        if row.kind == super::AuditKind::UserErased.as_str() {
            self.erased.extend(row.person.clone());
        }
        (self.sequence, self.hash) = (expected, link.hash.clone());
        Ok(Ok(()))
    }

    /// Whether the user is the one that the pseudonym was made for.
    async fn is_person(
        &mut self,
        user: Option<&str>,
        person: Option<&str>,
        sequence: i64,
        db: &mut impl Fetch,
    ) -> Result<bool, StoreError> {
        match (user, person) {
            (None, None) => Ok(true),
            (Some(_), None) => Ok(false),
            (None, Some(person)) => {
                if person != ERASED {
                    self.nameless.entry(person.to_owned()).or_insert(sequence);
                }
                Ok(true)
            }
            (Some(user), Some(person)) => {
                if !self.salts.contains_key(user) {
                    if self.salts.len() >= SALTS_MAX_COUNT {
                        self.salts.clear();
                    }
                    self.salts.insert(user.to_owned(), audit_person::find(db, user).await?);
                }
                let salt = self.salts.get(user).and_then(Option::as_ref);
                Ok(salt.is_some_and(|salt| person_of(self.key, salt, user) == person))
            }
        }
    }

    async fn finish(self, db: &mut impl Fetch) -> Result<Result<Intact, Break>, StoreError> {
        let removed =
            self.nameless.iter().filter(|(person, _)| !self.erased.contains(*person)).map(|(_, at)| *at).min();
        if let Some(sequence) = removed {
            return Ok(self.broken(sequence, Damage::PersonRemoved));
        }
        let (anchor, last) = (self.ends.anchor_sequence, self.ends.sequence);
        let (rows, stray) = (
            audit_event::count_chained(db, anchor, last).await?,
            audit_event::count_chained(db, i64::MIN, anchor).await?,
        );
        if rows != last - anchor || stray != 0 {
            return Ok(self.broken(if stray == 0 { last } else { anchor }, Damage::Inserted));
        }
        if self.hash != self.ends.hash {
            return Ok(self.broken(last, Damage::Changed));
        }
        // Rows may have been chained meanwhile; behind the end as it is now there are none.
        let end = audit_chain::find(db).await?.map_or(last, |ends| ends.sequence);
        if audit_event::count_chained(db, end, i64::MAX).await? != 0 {
            return Ok(self.broken(end + 1, Damage::Inserted));
        }
        if let Some(lost) = self.noted.iter().find(|noted| noted.sequence > last) {
            return Ok(self.broken(lost.sequence, Damage::Checkpoint));
        }
        let unchained = audit_event::count_unchained(db).await?;
        let checkpoint = Checkpoint { sequence: last, hash: hex(&self.hash) };
        Ok(Ok(Intact { first_sequence: anchor + 1, rows, checkpoint, unchained }))
    }

    fn broken(&self, sequence: i64, damage: Damage) -> Result<Intact, Break> {
        Err(Break { sequence, damage })
    }
}

#[cfg(test)]
mod tests {
    use super::Checkpoint;

    #[test]
    fn a_checkpoint_reads_as_it_prints() {
        let text = format!("17:{}", "0a".repeat(32));
        assert_eq!(text.parse::<Checkpoint>().unwrap().to_string(), text);
        for wrong in ["", "17", "17:", "-1:00", "x:y", &text[..text.len() - 1], &format!("{text}0")] {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong}");
        }
    }
}
