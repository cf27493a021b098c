//! Why a grant request gets no token. `error.rs` says which code and status each has.

use super::Counted;
use crate::{clients::authenticate::SpendError, resources::registry::TargetError};
use keys::SigningError;
use oxide_auth::code_grant::error::AccessTokenErrorType;
use shared::{db::StoreError, protocol::scope::ScopeSet};

/// Why a grant request gets no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GrantRefusal {
    /// A parameter that the grant needs is missing, in words for the client.
    #[error("{0}")]
    Missing(&'static str),
    /// No such grant type is served.
    #[error("unsupported grant type")]
    UnsupportedGrantType,
    /// The client may not use this grant.
    #[error("the client may not use this grant")]
    UnauthorizedClient,
    /// The client's assertion was used by another request meanwhile.
    #[error("the assertion was used before")]
    AssertionReplayed,
    /// The code never existed.
    #[error("unknown code")]
    CodeUnknown,
    /// The code's minute, or its grant, is over.
    #[error("the code has expired or its grant was revoked")]
    CodeEnded,
    /// The code was presented before.
    #[error("the code was presented before")]
    CodeReplayed,
    /// The code belongs to another client.
    #[error("the code belongs to another client")]
    CodeOfAnotherClient,
    /// `redirect_uri` was sent and is not the one of the authorization request.
    #[error("redirect_uri differs from the authorization request")]
    RedirectUri,
    /// `code_verifier` is missing, malformed or does not fit.
    #[error("code_verifier does not fit")]
    Verifier,
    /// The refresh token never existed, ended, or its family was revoked.
    #[error("unknown, expired or revoked refresh token")]
    RefreshTokenEnded,
    /// The refresh token belongs to another client.
    #[error("the refresh token belongs to another client")]
    RefreshTokenOfAnotherClient,
    /// The family moved on without this token: rule 5.
    #[error("refresh token replayed; the family is revoked")]
    RefreshTokenTheft,
    /// The token was answered again too often, or its family asks too often.
    #[error("too many requests")]
    TooMany {
        /// What the client is told to wait.
        retry_after_seconds: u32,
        /// What the limit said, when it is one that counts requests.
        counted: Option<Counted>,
    },
    /// The user or the organization that the grant chose is gone or disabled, or the user does not belong to it any more.
    #[error("the user, the organization or the membership behind the grant is gone")]
    UserGone,
    /// The user's roles hold nothing of the grant's scope any more.
    #[error("the user's roles hold nothing of the grant's scope any more")]
    NothingHeld,
    /// `resource` is not the grant's.
    #[error("resource differs from the grant's")]
    Target {
        /// What an administrator gave the machine that asks; empty for everybody else, so that nobody learns what there is.
        permitted: Vec<String>,
    },
    /// `resource` means none of ours.
    #[error("{cause}")]
    Resource {
        /// Why.
        cause: TargetError,
        /// As with [`GrantRefusal::Target`].
        permitted: Vec<String>,
    },
    /// `scope` is malformed.
    #[error("scope is malformed")]
    ScopeMalformed,
    /// Nothing of what is asked may be granted any more.
    #[error("nothing of the scope may be granted")]
    ScopeNotHeld {
        /// What the client may have at the resource.
        held: ScopeSet,
    },
    /// oxide-auth's machine refused, after every check of ours passed.
    #[error("the protocol machine refused: {0:?}")]
    Machine(AccessTokenErrorType),
    /// oxide-auth's machine was driven wrongly, or a conversion to its types failed: our own fault.
    #[error("the protocol machine cannot go on: {0}")]
    MachineFault(&'static str),
    /// The race was lost too often.
    #[error("too many others refresh the same family")]
    Contended,
    /// The key that derives successors is not here, or the chain does not lead to the live token.
    #[error("the refresh token's chain cannot be followed: {0}")]
    Chain(&'static str),
    /// There is no key to sign with.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store decided nothing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SpendError> for GrantRefusal {
    fn from(cause: SpendError) -> Self {
        match cause {
            SpendError::Replayed => Self::AssertionReplayed,
            SpendError::Store(cause) => Self::Store(cause),
        }
    }
}

impl GrantRefusal {
    /// Whether it says nothing about what was presented, only that we could not answer: then nothing is used up.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Signing(_)
                | Self::Chain(_)
                | Self::Contended
                | Self::MachineFault(_)
                | Self::TooMany { .. }
                | Self::Resource { cause: TargetError::OutOfDate, .. }
        )
    }
}
