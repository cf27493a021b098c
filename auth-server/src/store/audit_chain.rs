//! Table `audit_chain`: one row that says from where to where the audit chain runs.

use shared::{
    binds,
    db::{Fetch, Statement, StoreError, Tx},
};

const INSERT: Statement = Statement::new(
    "audit_chain.insert",
    "INSERT INTO audit_chain (singleton, anchor_sequence, anchor_hash, sequence, hash, mac) \
     VALUES (1, $1, $2, $3, $4, $5) ON CONFLICT (singleton) DO NOTHING",
);
const FIND: Statement = Statement::new(
    "audit_chain.find",
    "SELECT anchor_sequence, anchor_hash, sequence, hash, mac FROM audit_chain WHERE singleton = 1",
);
const REPLACE: Statement = Statement::new(
    "audit_chain.replace",
    "UPDATE audit_chain SET anchor_sequence = $1, anchor_hash = $2, sequence = $3, hash = $4, mac = $5 \
     WHERE singleton = 1 AND mac = $6",
);

/// The ends of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnds {
    /// The last row that was forgotten by age; 0 when none was.
    pub anchor_sequence: i64,
    /// Its hash: what the first row that is kept follows.
    pub anchor_hash: Vec<u8>,
    /// The last row that was chained.
    pub sequence: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// HMAC-SHA-256 of all four.
    pub mac: Vec<u8>,
}

/// Begins the chain; `false` when it has begun.
///
/// # Errors
/// The database does not answer.
pub async fn insert(tx: &mut Tx, ends: &ChainEnds) -> Result<bool, StoreError> {
    let binds = binds![ends.anchor_sequence, &ends.anchor_hash, ends.sequence, &ends.hash, &ends.mac];
    Ok(tx.execute(&INSERT, binds).await? == 1)
}

/// The ends of the chain.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &mut impl Fetch) -> Result<Option<ChainEnds>, StoreError> {
    let Some(row) = db.fetch_optional(&FIND, binds![]).await? else { return Ok(None) };
    Ok(Some(ChainEnds {
        anchor_sequence: row.get("anchor_sequence")?,
        anchor_hash: row.get("anchor_hash")?,
        sequence: row.get("sequence")?,
        hash: row.get("hash")?,
        mac: row.get("mac")?,
    }))
}

/// Replaces the ends that were read; `false` when somebody else moved them meanwhile.
///
/// # Errors
/// The database does not answer.
pub async fn replace(tx: &mut Tx, read: &ChainEnds, new: &ChainEnds) -> Result<bool, StoreError> {
    let binds = binds![new.anchor_sequence, &new.anchor_hash, new.sequence, &new.hash, &new.mac, &read.mac];
    Ok(tx.execute(&REPLACE, binds).await? == 1)
}
