//! Lists in a column: JSON text.

use serde::{Serialize, de::DeserializeOwned};
use shared::db::{Row, StoreError};

/// The JSON text of a list.
pub(super) fn write<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("lists of plain values have a JSON form")
}

/// The list in `column`; an error names the column when it holds something else.
pub(super) fn read<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<Vec<T>, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, &error))
}

/// A stored value that this version cannot read.
pub(super) fn unreadable(column: &'static str, cause: &dyn std::fmt::Display) -> StoreError {
    StoreError::Failed { statement: column, cause: format!("unreadable: {cause}") }
}
