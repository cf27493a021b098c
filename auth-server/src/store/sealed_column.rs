//! Columns that are sealed under a key-encryption key, of whatever table: how to find and to seal anew what lies in them.

use shared::{
    binds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    sealing::{Sealed, SealingContext},
};

/// A sealed column. Its table has a text primary key and `key_encryption_key_id`, and belongs to nobody in particular.
#[derive(Debug)]
pub struct SealedColumn {
    /// The table, as the sealing context has it.
    pub table: &'static str,
    /// The column, as the sealing context has it.
    pub column: &'static str,
    /// `row_id`, `sealed`, `key_encryption_key_id` of at most `$3` rows that are sealed under another key than `$1`, after the row `$2`.
    pub list: Statement,
    /// Puts `$3`, sealed under `$4`, into the row `$1` if that is still sealed under `$2`.
    pub reseal: Statement,
    /// `key_encryption_key_id` and `sealed_rows`, how many rows are sealed under it.
    pub key_ids: Statement,
}

/// A row whose column is sealed.
#[derive(Debug, Clone)]
pub struct SealedRow {
    /// Its primary key.
    pub id: String,
    /// What lies in the column.
    pub sealed: Sealed,
}

impl SealedColumn {
    /// Where the value of a row lives.
    pub const fn context<'a>(&self, row: &'a str) -> SealingContext<'a> {
        SealingContext { table: self.table, column: self.column, row, owner: "" }
    }

    /// At most `limit` rows after `after`, by id, that are sealed under another key than `current`.
    pub async fn list(
        &'static self,
        db: &mut impl Fetch,
        current: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        db.fetch_all(&self.list, binds![current, after, limit]).await?.iter().map(sealed_row).collect()
    }

    /// Replaces what lies in a row; `false` if that is not what it was, or the row is gone.
    pub async fn reseal(&'static self, tx: &mut Tx, row: &SealedRow, anew: &Sealed) -> Result<bool, StoreError> {
        let binds = binds![&row.id, &row.sealed.key_id, &anew.bytes, &anew.key_id];
        Ok(tx.execute(&self.reseal, binds).await? == 1)
    }

    /// The key-encryption keys that rows are sealed under, and how many rows under each.
    pub async fn key_ids(&'static self, db: &mut impl Fetch) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = db.fetch_all(&self.key_ids, binds![]).await?;
        rows.iter().map(|row| Ok((row.get("key_encryption_key_id")?, row.get("sealed_rows")?))).collect()
    }
}

fn sealed_row(row: &Row) -> Result<SealedRow, StoreError> {
    let sealed = Sealed { key_id: row.get("key_encryption_key_id")?, bytes: row.get("sealed")? };
    Ok(SealedRow { id: row.get("row_id")?, sealed })
}
