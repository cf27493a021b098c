//! Why an authorization request ends, and whether the client may hear of it (RFC 6749 §4.1.2.1).

use super::ReturnAddress;
use shared::{db::StoreError, protocol::error_code::ErrorCode, sealing::SealingError};

/// What a page says when the answer must not go anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageRefusal {
    /// The query is repeated, too large or not UTF-8.
    #[error("the parameters cannot be read")]
    Parameters,
    /// No `client_id`, or nobody's.
    #[error("the client is unknown")]
    UnknownClient,
    /// No `redirect_uri`, and the client has not exactly one.
    #[error("the redirect URI is missing")]
    RedirectUriMissing,
    /// Not one that the client registered.
    #[error("the redirect URI is not registered")]
    RedirectUriUnregistered,
    /// `state` is too long to be sent back.
    #[error("state is too long")]
    StateTooLong,
    /// A sealed request of ours that ran out.
    #[error("the request took too long")]
    Expired,
    /// Not a sealed request of ours, or not for this.
    #[error("the form is not ours")]
    Forged,
    /// Allowed or denied before.
    #[error("the request was decided before")]
    AlreadyDecided,
    /// Something that is needed to judge cannot be reached.
    #[error("the server cannot answer now")]
    Unavailable,
}

/// A check's refusal, once it is known whom to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The registered code.
    pub code: ErrorCode,
    /// A constant sentence for developers.
    pub description: &'static str,
}

impl Refusal {
    /// A refusal with this code and sentence.
    pub const fn new(code: ErrorCode, description: &'static str) -> Self {
        Self { code, description }
    }

    /// `invalid_request`.
    pub const fn invalid_request(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }
}

/// Why an authorization request ended. A redirect needs a [`ReturnAddress`], and only a matched registration makes one: an open redirect cannot
/// be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The person is told; nobody else is.
    #[error("{0}")]
    ShowPage(PageRefusal),
    /// The client is told, at an address it registered.
    #[error("{}: {}", refusal.code, refusal.description)]
    Redirect {
        /// Where to.
        address: ReturnAddress,
        /// What.
        refusal: Refusal,
    },
}

impl From<PageRefusal> for AuthorizationError {
    fn from(refusal: PageRefusal) -> Self {
        Self::ShowPage(refusal)
    }
}

impl From<SealingError> for PageRefusal {
    /// What another instance sealed under a key that this one has not read yet opens in a moment.
    fn from(cause: SealingError) -> Self {
        match cause {
            SealingError::Expired => Self::Expired,
            SealingError::UnknownKey { .. } => Self::Unavailable,
            _ => Self::Forged,
        }
    }
}

impl From<StoreError> for AuthorizationError {
    /// A store that fails decides nothing.
    fn from(cause: StoreError) -> Self {
        tracing::error!(%cause, "the store could not answer");
        Self::ShowPage(PageRefusal::Unavailable)
    }
}
