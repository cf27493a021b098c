//! Values come back as they went in, nulls included.

use super::for_each_database;
use shared::{
    binds,
    db::{Statement, Store, StoreError, Tx},
};

for_each_database!(values_round_trip, nulls_keep_their_type, a_text_with_nul_is_refused, a_wrong_column_is_an_error);

const INSERT: Statement =
    Statement::new("token.insert", "insert into token(hash, family, consumed_at, note) values ($1, $2, $3, $4)");
const FIND: Statement =
    Statement::new("token.find", "select family, consumed_at, note, hash from token where hash = $1");

async fn values_round_trip(store: &Store) {
    let hashes = [Vec::new(), vec![0], (0..=255).collect::<Vec<u8>>()];
    let integers = [i64::MIN, -1, 0, 1, i64::from(u32::MAX) + 1, i64::MAX];
    let texts = ["", "ascii", "é 漢字 🦀", "' ; drop table token; -- $1 ?", "line\nline"];
    for (number, hash) in hashes.iter().enumerate() {
        let (integer, text) = (integers[number % integers.len()], texts[number % texts.len()]);
        store
            .write(|mut tx| async move { tx.execute(&INSERT, binds![hash, integer, integer, text]).await })
            .await
            .unwrap();
        let row = store.read().fetch_optional(&FIND, binds![hash]).await.unwrap().unwrap();
        assert_eq!(row.get::<Vec<u8>>("hash").unwrap(), *hash);
        assert_eq!(row.get::<i64>("family").unwrap(), integer);
        assert_eq!(row.get::<Option<i64>>("consumed_at").unwrap(), Some(integer));
        assert_eq!(row.get::<String>("note").unwrap(), text);
    }
    for (index, integer) in integers.into_iter().enumerate() {
        for text in texts {
            let hash = [&[u8::try_from(index).unwrap(), 7], text.as_bytes()].concat();
            let hash = &hash;
            store
                .write(|mut tx| async move { tx.execute(&INSERT, binds![hash, integer, None::<i64>, text]).await })
                .await
                .unwrap();
            let row = store.read().fetch_optional(&FIND, binds![hash]).await.unwrap().unwrap();
            assert_eq!((row.get::<i64>("family"), row.get::<String>("note")), (Ok(integer), Ok(text.to_owned())));
        }
    }
}

async fn nulls_keep_their_type(store: &Store) {
    let changed = store
        .write(|mut tx| async move { tx.execute(&INSERT, binds![&[1u8; 32], 5, None::<i64>, None::<&str>]).await });
    assert_eq!(changed.await, Ok(1));
    let row = store.read().fetch_optional(&FIND, binds![&[1u8; 32]]).await.unwrap().unwrap();
    assert_eq!(row.get::<Option<i64>>("consumed_at"), Ok(None));
    assert_eq!(row.get::<Option<String>>("note"), Ok(None));
    assert!(row.get::<i64>("consumed_at").is_err(), "a null is no number");
    assert!(row.get::<String>("note").is_err(), "a null is no text");
    assert!(
        store.read().fetch_optional(&FIND, binds![None::<Vec<u8>>]).await.unwrap().is_none(),
        "null equals nothing"
    );
}

async fn a_text_with_nul_is_refused(store: &Store) {
    let work = |mut tx: Tx| async move {
        tx.execute(&INSERT, binds![vec![3], 5, None::<i64>, "fine"]).await?;
        assert!(tx.execute(&INSERT, binds![vec![4], 5, None::<i64>, "a\0b"]).await.is_err());
        Ok::<_, StoreError>(())
    };
    assert_eq!(store.write(work).await, Err(StoreError::Nul { statement: "token.insert" }));
    assert!(store.read().fetch_optional(&FIND, binds![vec![3]]).await.unwrap().is_none(), "nothing of it was kept");
    let read = store.read().fetch_all(&FIND, binds!["\0"]).await;
    assert_eq!(read.unwrap_err(), StoreError::Nul { statement: "token.find" });
}

async fn a_wrong_column_is_an_error(store: &Store) {
    store.write(|mut tx| async move { tx.execute(&INSERT, binds![vec![1], 5, 6, "n"]).await }).await.unwrap();
    let row = store.read().fetch_optional(&FIND, binds![vec![1]]).await.unwrap().unwrap();
    assert!(matches!(row.get::<i64>("nothing"), Err(StoreError::Failed { statement: "nothing", .. })));
    assert!(matches!(row.get::<i64>("note"), Err(StoreError::Failed { statement: "note", .. })));
    let missing = Statement::new("token.missing", "select x from no_such_table");
    let missing: &'static Statement = Box::leak(Box::new(missing));
    let error = store.read().fetch_all(missing, []).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed { statement: "token.missing", .. }), "{error:?}");
}
