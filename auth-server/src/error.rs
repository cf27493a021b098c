//! The table cause → code → status: the one place where an internal cause becomes what a client may see.
//!
//! A cause is logged once, here, when it is ours (a store, a key); only a registered code and a constant sentence reach the wire.

use crate::{
    clients::{
        authenticate::{AuthenticationError, SpendError},
        registration::RegistrationRefusal,
    },
    grants::{Counted, GrantRefusal, revoke_token::RevokeTokenRefusal},
    parameters::FormError,
    resources::{register_resource::RegisterRefusal, registry::TargetError},
    tokens::{inspect::RevocationsUnknown, introspect::IntrospectionError},
};
use http::StatusCode;
use oxide_auth::code_grant::error::AccessTokenErrorType;
use serde::Serialize;
use shared::{
    db::StoreError,
    http::BodyRefusal,
    protocol::{error_code::ErrorCode, scope::ScopeSet},
};
use std::borrow::Cow;

/// What a client is told to wait when a store, a key or a cache cannot be reached.
pub const UNAVAILABLE_RETRY_AFTER_SECONDS: u32 = 2;

const NUL_DESCRIPTION: &str = "The request contains U+0000.";

/// A refusal as it goes over the wire (RFC 6749 §5.2): never a cause, never text from the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The registered code.
    pub code: ErrorCode,
    /// The HTTP status it travels with.
    pub status: StatusCode,
    /// A constant sentence for developers.
    pub description: &'static str,
    /// What would be right, where that may be told.
    pub remedy: Option<Box<Remedy>>,
    /// Sent as `Retry-After`.
    pub retry_after_seconds: Option<u32>,
    /// What a limit said, for the headers that tell it.
    pub counted: Option<Counted>,
    /// Sent as `WWW-Authenticate`.
    pub challenge: Option<Cow<'static, str>>,
}

/// What would be right in place of what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// Where the scope is what is wrong: what is missing, or what the client may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Where the resource is what is wrong: what the client may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
}

impl OAuthError {
    /// A refusal with the status that belongs to its code.
    pub fn new(code: ErrorCode, description: &'static str) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { code, status, description, remedy: None, retry_after_seconds: None, counted: None, challenge: None }
    }

    /// `invalid_request` (RFC 6749 §5.2).
    pub fn invalid_request(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant` (RFC 6749 §5.2): the code, refresh token or assertion buys nothing.
    pub fn invalid_grant(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// 503 with `Retry-After`: something we need cannot be reached; nothing was decided about the request.
    pub fn unavailable() -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "The server cannot answer right now; try again.")
            .retry_after(UNAVAILABLE_RETRY_AFTER_SECONDS)
    }

    /// 429 with `Retry-After` (RFC 6585 §4).
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "Too many requests; wait before the next one.")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .retry_after(retry_after_seconds)
    }

    /// The same refusal under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same refusal, saying when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// The same refusal, naming the scope that it needs.
    #[must_use]
    pub fn with_scope(mut self, scope: &ScopeSet) -> Self {
        self.remedy = Some(Box::new(Remedy { scope: Some(scope.to_string()), ..Remedy::default() }));
        self
    }

    /// The same refusal, naming the resources that it could be for, if there are any to name.
    #[must_use]
    pub fn with_resources(mut self, resource: Vec<String>) -> Self {
        self.remedy = (!resource.is_empty()).then(|| Box::new(Remedy { resource, ..Remedy::default() }));
        self
    }

    /// The same refusal with a `WWW-Authenticate` value.
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<Cow<'static, str>>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }
}

impl From<StoreError> for OAuthError {
    /// A store that fails decides nothing: 503, never `invalid_grant` or `invalid_client` (clients wipe what they hold on those).
    ///
    /// [`StoreError::Nul`] is the one error that the request caused: trying again would not help.
    fn from(cause: StoreError) -> Self {
        if let StoreError::Nul { statement } = cause {
            tracing::warn!(statement, "a text with U+0000 came as far as the store");
            return Self::invalid_request(NUL_DESCRIPTION);
        }
        tracing::error!(%cause, "the store could not answer");
        Self::unavailable()
    }
}

impl From<FormError> for OAuthError {
    fn from(cause: FormError) -> Self {
        match cause {
            FormError::ContentType => Self::invalid_request("The body must be application/x-www-form-urlencoded.")
                .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            FormError::TooLarge => {
                Self::invalid_request("The request is too large.").with_status(StatusCode::PAYLOAD_TOO_LARGE)
            }
            FormError::TooMany => Self::invalid_request("The request has too many parameters."),
            FormError::NotUtf8 => Self::invalid_request("A parameter is not UTF-8."),
            FormError::Nul => Self::invalid_request(NUL_DESCRIPTION),
            FormError::Repeated => Self::invalid_request("A parameter is repeated."),
        }
    }
}

impl From<BodyRefusal> for OAuthError {
    fn from(cause: BodyRefusal) -> Self {
        let description = match cause {
            BodyRefusal::TooLarge => "The request is too large.",
            BodyRefusal::TooSlow => "The request did not arrive in time.",
            BodyRefusal::Broken => "The request broke off.",
        };
        Self::invalid_request(description).with_status(cause.status())
    }
}

impl From<TargetError> for OAuthError {
    fn from(cause: TargetError) -> Self {
        let description = match cause {
            TargetError::Missing => "The request names no resource, and there is no default.",
            TargetError::Malformed => "The resource is no https URI (or http on loopback) without fragment.",
            TargetError::Unknown => {
                "No such resource is registered here; name the one of the protected resource metadata (RFC 9728)."
            }
            TargetError::Several => "The request names more than one resource.",
            TargetError::OutOfDate => return Self::unavailable(),
        };
        Self::new(ErrorCode::InvalidTarget, description)
    }
}

impl From<AuthenticationError> for OAuthError {
    /// Every failed authentication looks the same (RFC 6749 §5.2).
    fn from(cause: AuthenticationError) -> Self {
        match cause {
            AuthenticationError::Ambiguous => {
                Self::invalid_request("The request authenticates in more than one way, or names two clients.")
            }
            AuthenticationError::Missing => invalid_client(false),
            AuthenticationError::Failed { used_basic, .. } => invalid_client(used_basic),
            AuthenticationError::TooManyFailures { retry_after_seconds }
            | AuthenticationError::TooManyAssertions { retry_after_seconds } => {
                Self::too_many_requests(retry_after_seconds)
            }
            AuthenticationError::Store(cause) => cause.into(),
        }
    }
}

fn invalid_client(used_basic: bool) -> OAuthError {
    let error = OAuthError::new(ErrorCode::InvalidClient, "Client authentication failed.");
    if used_basic { error.with_challenge("Basic realm=\"postern\", charset=\"UTF-8\"") } else { error }
}

impl From<SpendError> for OAuthError {
    fn from(cause: SpendError) -> Self {
        match cause {
            SpendError::Replayed => invalid_client(false),
            SpendError::Store(cause) => cause.into(),
        }
    }
}

impl From<RevocationsUnknown> for OAuthError {
    /// Logged where it happened.
    fn from(_: RevocationsUnknown) -> Self {
        Self::unavailable()
    }
}

impl From<IntrospectionError> for OAuthError {
    fn from(cause: IntrospectionError) -> Self {
        match cause {
            IntrospectionError::NotPermitted => invalid_client(false),
            IntrospectionError::RevocationsUnknown(cause) => cause.into(),
            IntrospectionError::Store(cause) => cause.into(),
        }
    }
}

impl From<RegistrationRefusal> for OAuthError {
    fn from(refusal: RegistrationRefusal) -> Self {
        if refusal == RegistrationRefusal::Closed {
            return Self::new(ErrorCode::AccessDenied, refusal.description()).with_status(StatusCode::FORBIDDEN);
        }
        let code = match refusal.is_about_redirect_uris() {
            true => ErrorCode::InvalidRedirectUri,
            false => ErrorCode::InvalidClientMetadata,
        };
        Self::new(code, refusal.description())
    }
}

impl From<RegisterRefusal> for OAuthError {
    fn from(refusal: RegisterRefusal) -> Self {
        let forbidden =
            |description| Self::new(ErrorCode::AccessDenied, description).with_status(StatusCode::FORBIDDEN);
        match refusal {
            RegisterRefusal::Unusable(what) => Self::invalid_request(what),
            RegisterRefusal::ReservedScope => forbidden(
                "openid, profile, email, address, phone, offline_access and scopes that begin with postern. are reserved.",
            ),
            RegisterRefusal::NotEnrolled => forbidden("This client is not enrolled as a resource server."),
            RegisterRefusal::ForeignOrigin => {
                forbidden("The resource is not under an origin that this resource server was enrolled for.")
            }
            RegisterRefusal::OwnedByAnother => {
                forbidden("Another resource server registered this resource; remove that client first.")
            }
            RegisterRefusal::Store(error) => error.into(),
        }
    }
}

impl From<RevokeTokenRefusal> for OAuthError {
    fn from(cause: RevokeTokenRefusal) -> Self {
        match cause {
            RevokeTokenRefusal::NeitherKind => Self::new(
                ErrorCode::UnsupportedTokenType,
                "Access tokens and refresh tokens can be revoked; this is neither.",
            ),
            RevokeTokenRefusal::AssertionReplayed => invalid_client(false),
            RevokeTokenRefusal::TooMany { retry_after_seconds } => Self::too_many_requests(retry_after_seconds),
            RevokeTokenRefusal::RevocationsUnknown(cause) => cause.into(),
            RevokeTokenRefusal::Store(cause) => cause.into(),
        }
    }
}

impl From<GrantRefusal> for OAuthError {
    fn from(cause: GrantRefusal) -> Self {
        match cause {
            GrantRefusal::Missing(what) => Self::invalid_request(what),
            GrantRefusal::AssertionReplayed => invalid_client(false),
            GrantRefusal::UnsupportedGrantType => {
                Self::new(ErrorCode::UnsupportedGrantType, "This grant type is not served.")
            }
            GrantRefusal::UnauthorizedClient => {
                Self::new(ErrorCode::UnauthorizedClient, "The client may not use this grant type.")
            }
            GrantRefusal::CodeUnknown | GrantRefusal::CodeEnded | GrantRefusal::CodeOfAnotherClient => {
                Self::invalid_grant("The code is unknown, expired or was issued to another client.")
            }
            GrantRefusal::CodeReplayed => Self::invalid_grant("The code was used before; its grant is revoked."),
            GrantRefusal::RedirectUri => {
                Self::invalid_grant("The redirect_uri differs from the one of the authorization request.")
            }
            GrantRefusal::Verifier => Self::invalid_grant("The code_verifier does not fit the code_challenge."),
            GrantRefusal::RefreshTokenEnded
            | GrantRefusal::RefreshTokenOfAnotherClient
            | GrantRefusal::RefreshTokenTheft => {
                Self::invalid_grant("The refresh token is invalid, expired or revoked.")
            }
            GrantRefusal::UserGone => Self::invalid_grant("The account or the membership behind the grant has ended."),
            GrantRefusal::NothingHeld => {
                Self::invalid_grant("The roles behind the grant hold nothing of its scope any more.")
            }
            GrantRefusal::TooMany { retry_after_seconds, counted } => {
                Self { counted, ..Self::too_many_requests(retry_after_seconds) }
            }
            GrantRefusal::Target { permitted } => {
                Self::new(ErrorCode::InvalidTarget, "The resource is not one that this grant is for.")
                    .with_resources(permitted)
            }
            GrantRefusal::Resource { cause: TargetError::OutOfDate, .. } => Self::unavailable(),
            GrantRefusal::Resource { cause, permitted } => Self::from(cause).with_resources(permitted),
            GrantRefusal::ScopeMalformed => Self::new(ErrorCode::InvalidScope, "The scope is malformed."),
            GrantRefusal::ScopeNotHeld { held } => {
                let error = Self::new(
                    ErrorCode::InvalidScope,
                    "This client may not have any scope that was asked for at this resource.",
                );
                if held.is_empty() { error } else { error.with_scope(&held) }
            }
            GrantRefusal::Machine(kind) => from_machine(kind),
            GrantRefusal::Store(cause) => cause.into(),
            GrantRefusal::Contended => Self::unavailable(),
            GrantRefusal::MachineFault(_) => our_fault(&cause, Self::new(ErrorCode::ServerError, "The server failed.")),
            GrantRefusal::Chain(_) | GrantRefusal::Signing(_) => our_fault(&cause, Self::unavailable()),
        }
    }
}

fn our_fault(cause: &GrantRefusal, error: OAuthError) -> OAuthError {
    tracing::error!(%cause, "a grant could not be answered");
    error
}

/// The kind that a machine of oxide-auth names; its texts and its rendering never leave the house.
fn from_machine(kind: AccessTokenErrorType) -> OAuthError {
    let code = match kind {
        AccessTokenErrorType::InvalidRequest => ErrorCode::InvalidRequest,
        AccessTokenErrorType::InvalidClient => ErrorCode::InvalidClient,
        AccessTokenErrorType::InvalidGrant => ErrorCode::InvalidGrant,
        AccessTokenErrorType::UnauthorizedClient => ErrorCode::UnauthorizedClient,
        AccessTokenErrorType::UnsupportedGrantType => ErrorCode::UnsupportedGrantType,
        AccessTokenErrorType::InvalidScope => ErrorCode::InvalidScope,
    };
    OAuthError::new(code, "The grant was refused.")
}

#[cfg(test)]
mod tests {
    use super::OAuthError;
    use shared::{db::StoreError, protocol::error_code::ErrorCode};

    #[test]
    fn a_failing_store_is_503_with_retry_after_and_shows_no_cause() {
        let error = OAuthError::from(StoreError::Failed { statement: "client.find", cause: "disk I/O secret".into() });
        assert_eq!((error.code, error.status.as_u16()), (ErrorCode::TemporarilyUnavailable, 503));
        assert!(error.retry_after_seconds.is_some_and(|seconds| seconds > 0));
        assert!(!format!("{error:?} {error}").contains("disk"));
    }

    #[test]
    fn statuses_follow_the_code_unless_said_otherwise() {
        assert_eq!(OAuthError::invalid_grant("x").status.as_u16(), 400);
        assert_eq!(OAuthError::new(ErrorCode::InvalidClient, "x").status.as_u16(), 401);
        let error = OAuthError::too_many_requests(0);
        assert_eq!((error.status.as_u16(), error.retry_after_seconds), (429, Some(1)));
    }
}
