//! The change log: every revocation, and every change that an in-memory cache must follow, is a row appended in the very
//! transaction that makes it. Its position comes from one counter row, so that positions follow commit order.

pub mod change;

pub use change::{Change, ChangeKind};
