//! Reading, inside a transaction or outside of one.

use super::{Bind, Row, Statement, StoreError};
use std::future::Future;

/// What rows can be read through: a [`Tx`](super::Tx) or a [`Reader`](super::Reader). A store function that takes
/// `&mut impl Fetch` is written once and serves both.
pub trait Fetch: Send {
    /// The first row, if any.
    fn fetch_optional(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> impl Future<Output = Result<Option<Row>, StoreError>> + Send;

    /// Every row. The statement bounds how many there can be (`limit`).
    fn fetch_all(
        &mut self,
        statement: &'static Statement,
        binds: impl IntoIterator<Item = Bind, IntoIter: Send> + Send,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
}
