//! A client gives a token back (RFC 7009 §2.1). A refresh token, of whatever generation, ends its whole grant and so every access
//! token of it; an access token ends alone. What is unknown, ended or another client's is not told apart, and changes nothing.

use super::{rate_limits, revoke_grant::revoke_grant};
use crate::{
    app::App,
    audit::{self, AuditEvent, AuditKind},
    change_log::{self, Change},
    clients::authenticate::{AuthenticatedClient, SpendError},
    store::{authorization_grant::RevocationReason, refresh_token},
    tokens::inspect::{RevocationsUnknown, inspect},
};
use shared::{
    clock::UnixSeconds,
    db::StoreError,
    protocol::opaque_token::{OpaqueToken, TokenKind},
};

/// What is to end, and who asks.
#[derive(Debug, Clone, Copy)]
pub struct TokenToRevoke<'a> {
    /// What was sent as the token. `token_type_hint` is not needed: a token says what it is.
    pub token: &'a str,
    /// The authenticated client.
    pub caller: &'a AuthenticatedClient,
    /// The time of the request.
    pub now: UnixSeconds,
}

/// What was done; outwardly both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// A token or a grant ended.
    Something,
    /// There was nothing of this client to end.
    Nothing,
}

/// Why nothing can be said.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RevokeTokenRefusal {
    /// A secret of ours that is no token of a client: `unsupported_token_type` (RFC 7009 §2.2.1).
    #[error("neither an access token nor a refresh token")]
    NeitherKind,
    /// The client's assertion was used by another request meanwhile.
    #[error("the assertion was used before")]
    AssertionReplayed,
    /// Whether the token still stands is not known.
    #[error(transparent)]
    RevocationsUnknown(#[from] RevocationsUnknown),
    /// More access tokens of one user, or one machine, than may be ended in a minute: this one stands.
    #[error("too many access tokens")]
    TooMany {
        /// When the next one may be ended.
        retry_after_seconds: u32,
    },
    /// The store decided nothing: the token stands.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SpendError> for RevokeTokenRefusal {
    fn from(cause: SpendError) -> Self {
        match cause {
            SpendError::Replayed => Self::AssertionReplayed,
            SpendError::Store(cause) => Self::Store(cause),
        }
    }
}

/// Ends a token of the caller, and uses its proof up.
///
/// # Errors
/// See [`RevokeTokenRefusal`]; then nothing has ended.
pub async fn revoke_token(app: &App, asked: &TokenToRevoke<'_>) -> Result<Revoked, RevokeTokenRefusal> {
    if let Some(token) = OpaqueToken::parse(TokenKind::RefreshToken, asked.token) {
        return revoke_refresh_token(app, asked, &token).await;
    }
    if TokenKind::ALL.into_iter().any(|kind| OpaqueToken::parse(kind, asked.token).is_some()) {
        return Err(RevokeTokenRefusal::NeitherKind);
    }
    revoke_access_token(app, asked).await
}

async fn revoke_refresh_token(
    app: &App,
    asked: &TokenToRevoke<'_>,
    token: &OpaqueToken,
) -> Result<Revoked, RevokeTokenRefusal> {
    let Some(stored) = refresh_token::find(&mut app.store.read(), &token.hash()).await? else {
        return nothing(app, asked).await;
    };
    let grant = &stored.grant;
    if grant.client_id != asked.caller.client.id {
        let owner = Owner { user_id: &grant.user_id, grant_id: &grant.id };
        return record_foreign(app, asked, Some(owner), &grant.id).await;
    }
    if grant.revoked_at.is_some() {
        return nothing(app, asked).await;
    }
    let event = &event(app, asked, AuditKind::GrantRevokedByClient).user(&grant.user_id).grant(&grant.id);
    let revoked = app
        .store
        .write(|mut tx| async move {
            asked.caller.spend(&mut tx).await?;
            let revoked = revoke_grant(&mut tx, grant, RevocationReason::Client, event, asked.now).await?;
            Ok::<_, RevokeTokenRefusal>(revoked)
        })
        .await?;
    Ok(if revoked { Revoked::Something } else { Revoked::Nothing })
}

async fn revoke_access_token(app: &App, asked: &TokenToRevoke<'_>) -> Result<Revoked, RevokeTokenRefusal> {
    let Some(claims) = inspect(app, asked.token, asked.now).await? else { return nothing(app, asked).await };
    if claims.client_id != asked.caller.client.id {
        let owner = claims.grant_id.as_deref().map(|grant_id| Owner { user_id: &claims.sub, grant_id });
        return record_foreign(app, asked, owner, &claims.jti).await;
    }
    if let Some(retry_after_seconds) = rate_limits::check_ended_token(app, &claims.sub).await {
        return Err(RevokeTokenRefusal::TooMany { retry_after_seconds });
    }
    let mut event = event(app, asked, AuditKind::AccessTokenRevoked);
    if let Some(grant_id) = &claims.grant_id {
        event = event.user(&claims.sub).grant(grant_id);
    }
    let (event, jti) = (&event, claims.jti.as_str());
    app.store
        .write(|mut tx| async move {
            asked.caller.spend(&mut tx).await?;
            change_log::append(&mut tx, Change::TokenRevoked(jti), asked.now).await?;
            Ok::<_, RevokeTokenRefusal>(audit::record(&mut tx, event).await?)
        })
        .await?;
    Ok(Revoked::Something)
}

/// Who stands behind a token; nobody does behind a machine's.
struct Owner<'a> {
    user_id: &'a str,
    grant_id: &'a str,
}

/// Another client's token in these hands is worth knowing, once an hour for what `name` stands for.
async fn record_foreign(
    app: &App,
    asked: &TokenToRevoke<'_>,
    owner: Option<Owner<'_>>,
    name: &str,
) -> Result<Revoked, RevokeTokenRefusal> {
    if !rate_limits::is_foreign_attempt_news(app, name, &asked.caller.client.id).await {
        return nothing(app, asked).await;
    }
    let mut event = event(app, asked, AuditKind::RevocationByAnotherClient);
    if let Some(owner) = owner {
        event = event.user(owner.user_id).grant(owner.grant_id);
    }
    let event = &event;
    app.store
        .write(|mut tx| async move {
            asked.caller.spend(&mut tx).await?;
            Ok::<_, RevokeTokenRefusal>(audit::record(&mut tx, event).await?)
        })
        .await?;
    Ok(Revoked::Nothing)
}

/// There was nothing to write but that the client's proof is used up.
async fn nothing(app: &App, asked: &TokenToRevoke<'_>) -> Result<Revoked, RevokeTokenRefusal> {
    asked.caller.spend_alone(&app.store).await?;
    Ok(Revoked::Nothing)
}

fn event(app: &App, asked: &TokenToRevoke<'_>, kind: AuditKind) -> AuditEvent {
    AuditEvent::new(kind, &*app.random, asked.now).client(&asked.caller.client.id)
}
