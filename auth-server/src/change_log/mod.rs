//! The change log: every revocation, and every change that an in-memory cache must follow, is a row appended in the very
//! transaction that makes it. Its position comes from one counter row, so that positions follow commit order.

pub mod change;
pub mod feed;
pub mod follower;
mod poll_places;
mod position;

pub use change::{Change, ChangeKind};
pub use follower::Follower;
pub use poll_places::{POLLS_A_RECEIVER_MAX, PollPlaces};
pub use position::Position;

use crate::store;
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
};
use std::time::Duration;

/// So much longer than its own second a revocation covers what was issued: until it is committed, a token may be issued by what held before.
/// Also the caches of other instances, which are at most 250 ms behind, are within it.
pub const REVOCATION_REACH_SECONDS: i64 = 1;
/// A transaction that waits no longer than this is within the reach.
const SHORT_WAIT: Duration = Duration::from_millis(250);

/// Until when a revocation covers what is issued, whose writer read its clock at `now` and has waited since then.
fn reach(now: UnixSeconds, waited: Duration) -> UnixSeconds {
    let waited_seconds = if waited < SHORT_WAIT { 0 } else { i64::try_from(waited.as_secs()).unwrap_or(0) + 1 };
    now + REVOCATION_REACH_SECONDS + waited_seconds
}

/// Appends `change` in the caller's transaction; this instance's follower looks as soon as that commits.
pub async fn append(tx: &mut Tx, change: Change<'_>, now: UnixSeconds) -> Result<(), StoreError> {
    tx.announce();
    let at = if change.kind().ends_what_was_issued_until_then() { reach(now, tx.waited()) } else { now };
    store::change_log::insert(tx, change.kind(), change.subject(), at).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::{SHORT_WAIT, reach};
    use std::time::Duration;

    /// The clock shows whole seconds: time is counted in milliseconds here.
    #[test]
    fn what_is_issued_before_the_revocation_is_appended_is_covered() {
        for began in [0_i64, 1, 500, 750, 999] {
            for waited in [0_u64, 1, 249, 250, 251, 999, 1000, 1001, 4999] {
                let appended = began + i64::try_from(waited).expect("short");
                // Committing takes its time, too.
                let issued_at = (appended + 500) / 1000;
                let until = reach(began / 1000, Duration::from_millis(waited));
                assert!(issued_at <= until, "{began} {waited}");
                assert!(until <= appended / 1000 + 2, "{began} {waited}: no longer than needed");
            }
        }
        assert_eq!(reach(1000, Duration::ZERO), 1001);
        assert_eq!(reach(1000, SHORT_WAIT), 1002);
    }
}
