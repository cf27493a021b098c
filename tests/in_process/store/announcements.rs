//! A committed transaction tells who follows, if it wants to be told of.

use super::{database::insert, for_each_database};
use shared::db::{Store, StoreError, Tx};

for_each_database!(only_what_was_committed_is_announced);

async fn only_what_was_committed_is_announced(store: &Store) {
    let mut heard = store.clone().announced();
    let write = async |token: &'static [u8], announces: bool, keep: bool| {
        let work = |mut tx: Tx| async move {
            if announces {
                tx.announce();
            }
            insert(&mut tx, token, 1).await?;
            if keep { Ok(()) } else { Err(StoreError::Unavailable { cause: "not kept".to_owned() }) }
        };
        assert_eq!(store.write(work).await.is_ok(), keep);
    };
    write(b"silent", false, true).await;
    write(b"undone", true, false).await;
    assert!(!heard.has_changed().unwrap());
    write(b"told", true, true).await;
    assert!(heard.has_changed().unwrap());
    heard.borrow_and_update();
    assert!(!heard.has_changed().unwrap());
}
