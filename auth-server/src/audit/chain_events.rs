//! Chains what was recorded since the last time, in an order of its own: that of chaining, so that a row that was committed late is chained like
//! any other, and once.

use super::{
    ChainKey,
    chain_link::{are_signed, ends, link_of, person_of},
};
use crate::store::{
    audit_chain::{self, ChainEnds},
    audit_event::{self, AuditRow, Link},
    audit_person, user_account,
};
use shared::{
    db::{Fetch, Store, StoreError, Tx},
    random::{Random, random_32},
};
use std::collections::{BTreeMap, BTreeSet};

/// Rows chained in one transaction.
pub const ROWS_A_ROUND: usize = 200;
/// More rounds than this wait for the next run.
const ROUNDS_A_RUN: usize = 50;
/// The pseudonym of somebody who was erased before the row was chained: of nobody any more.
pub const ERASED: &str = "erased";

/// Why rows are not chained.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The row that says where the chain ends is gone or was not written by us: going on would bless what was done to it.
    #[error(
        "the end of the audit chain was changed; `audit verify` says more, and nothing is chained until it is put right"
    )]
    Ends,
    /// A row that would be forgotten is not the next one of the chain.
    #[error(
        "the audit chain is broken at {sequence}; `audit verify` says more, and nothing is forgotten until it is put right"
    )]
    Broken {
        /// Where.
        sequence: i64,
    },
    /// Somebody else chained, forgot or erased at the same time.
    #[error("another one was faster")]
    LostRace,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Chains what is not chained yet, at most [`ROUNDS_A_RUN`] rounds of [`ROWS_A_ROUND`]; returns how many rows.
///
/// # Errors
/// [`ChainError`], but never a lost race: what another one did needs not be done again.
pub async fn chain_events(store: &Store, key: &ChainKey, random: &dyn Random) -> Result<usize, ChainError> {
    let mut total = 0;
    for _ in 0..ROUNDS_A_RUN {
        match chain_round(store, key, random).await {
            Ok(rows) => {
                total += rows;
                if rows < ROWS_A_ROUND {
                    break;
                }
            }
            Err(ChainError::LostRace) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// The ends of the chain, if they are as we wrote them.
pub(super) async fn signed_ends(db: &mut impl Fetch, key: &ChainKey) -> Result<ChainEnds, ChainError> {
    audit_chain::find(db).await?.filter(|ends| are_signed(key, ends)).ok_or(ChainError::Ends)
}

async fn chain_round(store: &Store, key: &ChainKey, random: &dyn Random) -> Result<usize, ChainError> {
    let mut db = store.read();
    let before = &signed_ends(&mut db, key).await?;
    let limit = i64::try_from(ROWS_A_ROUND).unwrap_or(i64::MAX);
    let rows = audit_event::list_unchained(&mut db, limit).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let people = &find_people(&mut db, random, &rows).await?;
    let mut last = (before.sequence, before.hash.clone());
    let mut chained = Vec::with_capacity(rows.len());
    for mut row in rows {
        let person =
            |id: &str| people.get(id).and_then(Person::salt).map_or(ERASED.to_owned(), |salt| person_of(key, salt, id));
        row.person = row.user_id.as_deref().map(person).or_else(|| row.person.take());
        row.actor_person = row.actor_user_id.as_deref().map(person).or_else(|| row.actor_person.take());
        let link = link_of(key, &last.1, last.0 + 1, &row);
        last = (link.sequence, link.hash.clone());
        chained.push((row, link));
    }
    let after = &ends(key, (before.anchor_sequence, &before.anchor_hash), (last.0, &last.1));
    let rows = &chained;
    store.write(|mut tx| async move { write_round(&mut tx, people, rows, before, after).await }).await?;
    Ok(chained.len())
}

async fn write_round(
    tx: &mut Tx,
    people: &BTreeMap<String, Person>,
    chained: &[(AuditRow, Link)],
    before: &ChainEnds,
    after: &ChainEnds,
) -> Result<(), ChainError> {
    // First: whoever lost the race must not come as far as the places that are taken.
    if !audit_chain::replace(tx, before, after).await? {
        return Err(ChainError::LostRace);
    }
    for (user_id, person) in people {
        if let Person::New(salt) = person
            && !audit_person::insert(tx, user_id, salt).await?
        {
            return Err(ChainError::LostRace);
        }
    }
    for (row, link) in chained {
        if !audit_event::set_link(tx, row, link).await? {
            return Err(ChainError::LostRace);
        }
    }
    for (user_id, person) in people {
        if let Person::Erased = person {
            audit_event::forget_user(tx, user_id, ERASED).await?;
        }
    }
    Ok(())
}

/// What a user's pseudonym is made of.
enum Person {
    Known(Vec<u8>),
    New([u8; 32]),
    /// The account was erased while the act was under way.
    Erased,
}

impl Person {
    fn salt(&self) -> Option<&[u8]> {
        match self {
            Self::Known(salt) => Some(salt),
            Self::New(salt) => Some(salt),
            Self::Erased => None,
        }
    }
}

async fn find_people(
    db: &mut impl Fetch,
    random: &dyn Random,
    rows: &[AuditRow],
) -> Result<BTreeMap<String, Person>, StoreError> {
    let ids: BTreeSet<String> =
        rows.iter().flat_map(|row| [&row.user_id, &row.actor_user_id]).flatten().cloned().collect();
    let mut people = BTreeMap::new();
    for id in ids {
        let person = match audit_person::find(db, &id).await? {
            Some(salt) => Person::Known(salt),
            None if user_account::is_erased(db, &id).await? => Person::Erased,
            None => Person::New(random_32(random)),
        };
        people.insert(id, person);
    }
    Ok(people)
}
