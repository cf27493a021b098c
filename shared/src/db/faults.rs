//! Fault points: a test can make any statement fail.

use super::StoreError;

/// What happens at a fault point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The statement fails and has no effect.
    FailBefore,
    /// The statement has its effect, and then the error comes. At "commit": the outcome is unknown.
    FailAfter,
    /// The statement loses against another transaction.
    Conflict,
    /// The database cannot be reached.
    Unavailable,
}

/// Asked before each statement, reads outside of transactions, "begin" and "commit" included.
pub trait Faults: Send + Sync {
    /// What shall happen to the statement called `name`; `None` lets it run.
    fn at(&self, name: &'static str) -> Option<Fault>;
}

impl Fault {
    /// The error instead of the statement, for every fault that comes before it.
    pub(super) fn before(self, statement: &'static str) -> Option<StoreError> {
        match self {
            Self::FailBefore => Some(StoreError::Failed { statement, cause: "injected before".to_owned() }),
            Self::Conflict => Some(StoreError::Conflict { statement }),
            Self::Unavailable => Some(StoreError::Unavailable { cause: format!("{statement}: injected") }),
            Self::FailAfter => None,
        }
    }

    /// The error after the statement.
    pub(super) fn after(self, statement: &'static str) -> Option<StoreError> {
        (self == Self::FailAfter).then(|| StoreError::Failed { statement, cause: "injected after".to_owned() })
    }
}
