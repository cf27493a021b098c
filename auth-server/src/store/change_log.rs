//! Table `change_log`, its counter row `change_position`, and `history`, which names this database.

use crate::change_log::{ChangeKind, Position};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

const ADVANCE: Statement = Statement::new(
    "change_position.advance",
    "UPDATE change_position SET position = position + 1 WHERE singleton = 1 RETURNING position",
);
const INSERT: Statement =
    Statement::new("change_log.insert", "INSERT INTO change_log (position, kind, subject, at) VALUES ($1, $2, $3, $4)");
const AFTER: Statement = Statement::new(
    "change_log.list_after",
    "SELECT position, kind, subject, at FROM change_log WHERE position > $1 ORDER BY position LIMIT $2",
);
const FIRST_SINCE: Statement = Statement::new(
    "change_log.first_since",
    "SELECT position, kind, subject, at FROM change_log WHERE at >= $1 ORDER BY position LIMIT 1",
);
const HISTORY: Statement = Statement::new("history.find", "SELECT id FROM history WHERE singleton = 1");

/// One statement, because it is asked four times a second: which database it is, how far it goes, and what stands at a place.
const LOOK: Statement = Statement::new(
    "change_log.look",
    "SELECT h.id, p.position AS last, l.position, l.kind, l.subject, l.at FROM history h \
     JOIN change_position p ON p.singleton = h.singleton \
     LEFT JOIN change_log l ON l.position = COALESCE($1, p.position) WHERE h.singleton = 1",
);

/// One row of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its place in commit order.
    pub position: i64,
    /// Its kind; `None` for one that a newer version wrote.
    pub kind: Option<ChangeKind>,
    /// Whom it concerns.
    pub subject: String,
    /// When it was appended.
    pub at: UnixSeconds,
}

/// What [`look`] saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The id of the database's history.
    pub history: String,
    /// The position of the last row.
    pub last: i64,
    /// The position that was asked for.
    asked: i64,
    /// The row there, unless it was forgotten or never written.
    row: Option<ChangeRow>,
}

impl Look {
    /// The place at the position that was asked for; `None` when its row is gone, or was never there.
    pub fn place(&self) -> Option<Position> {
        match &self.row {
            Some(row) => Some(Position::behind(&self.history, row)),
            None if self.asked == 0 || self.asked == self.last => Some(Position::at_bare(&self.history, self.asked)),
            None => None,
        }
    }
}

/// Appends a row in the caller's transaction and returns its position.
pub async fn insert(tx: &mut Tx, kind: ChangeKind, subject: &str, at: UnixSeconds) -> Result<i64, StoreError> {
    let row = tx.fetch_optional(&ADVANCE, binds![]).await?.ok_or_else(no_counter)?;
    let position: i64 = row.get("position")?;
    tx.execute(&INSERT, binds![position, kind.as_str(), subject, at]).await?;
    Ok(position)
}

/// At most `limit` rows after `position`, in order.
pub async fn list_after(db: &mut impl Fetch, position: i64, limit: i64) -> Result<Vec<ChangeRow>, StoreError> {
    db.fetch_all(&AFTER, binds![position, limit]).await?.iter().map(change_row).collect()
}

/// The first row, in commit order, that is not older than `time`. Rows behind it may be older: clocks differ, and jump.
pub async fn first_since(db: &mut impl Fetch, time: UnixSeconds) -> Result<Option<ChangeRow>, StoreError> {
    db.fetch_optional(&FIRST_SINCE, binds![time]).await?.as_ref().map(change_row).transpose()
}

/// What stands at `position`, or else at the end of the log.
pub async fn look(db: &mut impl Fetch, position: Option<i64>) -> Result<Look, StoreError> {
    let row = db.fetch_optional(&LOOK, binds![position]).await?.ok_or_else(no_counter)?;
    let last = row.get("last")?;
    let is_there = row.get::<Option<i64>>("position")?.is_some();
    Ok(Look {
        history: row.get("id")?,
        last,
        asked: position.unwrap_or(last),
        row: is_there.then(|| change_row(&row)).transpose()?,
    })
}

/// The id of this database's history: random, made with the database.
pub async fn history(db: &mut impl Fetch) -> Result<String, StoreError> {
    db.fetch_optional(&HISTORY, binds![]).await?.ok_or_else(no_counter)?.get("id")
}

fn change_row(row: &Row) -> Result<ChangeRow, StoreError> {
    let kind: String = row.get("kind")?;
    Ok(ChangeRow {
        position: row.get("position")?,
        kind: ChangeKind::parse(&kind),
        subject: row.get("subject")?,
        at: row.get("at")?,
    })
}

fn no_counter() -> StoreError {
    StoreError::Failed { statement: LOOK.name(), cause: "the counter row is missing".to_owned() }
}
