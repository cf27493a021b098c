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

/// Appends `change` in the caller's transaction; this instance's follower looks as soon as that commits.
pub async fn append(tx: &mut Tx, change: Change<'_>, now: UnixSeconds) -> Result<(), StoreError> {
    tx.announce();
    store::change_log::insert(tx, change.kind(), change.subject(), now).await.map(drop)
}
