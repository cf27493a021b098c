//! The only place that names sqlx.
pub mod error;
pub mod statement;
pub mod store;
pub mod train;
pub use {
    error::StoreError,
    statement::{Bind, Row, Statement},
    store::{Fault, Faults, Store, Tx},
};
