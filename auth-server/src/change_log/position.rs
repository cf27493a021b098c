//! A place in the change log as its readers outside hold it: `HISTORY.POSITION.CHECK`. It names the database and the very row, so that a
//! database that was replaced, or restored and has since grown past the place, does not pass for the one that was read.

use crate::store::change_log::{self, ChangeRow};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::{
    db::{Store, StoreError},
    protocol::event_poll::POSITION_MAX_BYTES,
};
use std::fmt;

/// So much of the hash: enough to tell rows apart that chance puts at one place; nobody gains by making two alike.
const CHECK_BYTES: usize = 9;

/// A place: behind this row of this history. Also the `jti` of the event that the row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which database.
    pub history: String,
    /// The row's position; 0 before the first.
    pub position: i64,
    /// What the row says, hashed.
    check: String,
}

impl Position {
    /// Behind `row`.
    pub fn behind(history: &str, row: &ChangeRow) -> Self {
        Self { history: history.to_owned(), position: row.position, check: check(row) }
    }

    /// Behind `position`, whose row is not there: 0, or the last one of a log whose rows were all forgotten.
    pub fn at_bare(history: &str, position: i64) -> Self {
        Self { history: history.to_owned(), position, check: String::new() }
    }

    /// The end of the log.
    pub async fn end(store: &Store) -> Result<Self, StoreError> {
        let seen = change_log::look(&mut store.read(), None).await?;
        Ok(seen.place().unwrap_or_else(|| Self::at_bare(&seen.history, seen.last)))
    }

    /// What [`Position`] prints.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > POSITION_MAX_BYTES {
            return None;
        }
        let mut parts = text.split('.');
        let (history, position, check) = (parts.next()?, parts.next()?, parts.next()?);
        let position = position.parse().ok().filter(|position: &i64| *position >= 0)?;
        let is_whole = parts.next().is_none();
        is_whole.then(|| Self { history: history.to_owned(), position, check: check.to_owned() })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.history, self.position, self.check)
    }
}

/// Without the kind: a version that does not know it reads none.
fn check(row: &ChangeRow) -> String {
    let text = format!("{} {} {}", row.position, row.at, row.subject);
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..CHECK_BYTES])
}

#[cfg(test)]
mod tests {
    use super::{ChangeRow, Position};
    use crate::change_log::ChangeKind;

    fn row(position: i64, subject: &str, at: i64) -> ChangeRow {
        ChangeRow { position, kind: Some(ChangeKind::Grant), subject: subject.into(), at }
    }

    #[test]
    fn is_read_as_it_was_written_and_nonsense_is_not() {
        let place = Position::behind("abc", &row(7, "g", 1000));
        assert_eq!(Position::parse(&place.to_string()), Some(place));
        let bare = Position::at_bare("abc", 0);
        assert_eq!(Position::parse(&bare.to_string()), Some(bare));
        for bad in ["", "7", "abc.7", "abc.-1.x", "abc.x.y", "abc.7.x.y", "abc.99999999999999999999.x"] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
        assert_eq!(Position::parse(&format!("{}.1.x", "a".repeat(200))), None);
    }

    #[test]
    fn rows_that_differ_in_anything_are_different_places() {
        let place = |row| Position::behind("abc", &row);
        let all = [row(7, "g", 1000), row(8, "g", 1000), row(7, "h", 1000), row(7, "g", 1001)].map(place);
        for (index, one) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other != one), "{one}");
        }
    }
}
