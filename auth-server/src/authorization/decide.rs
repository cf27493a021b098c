//! The decision: consumes the request's id and, if allowed, makes grant and code in the same transaction (RFC 6749 §4.1.2).

use super::{
    AuthorizationError, PageRefusal, PendingRequest, Refusal,
    check_unchanged::is_unchanged,
    next_step::{Offer, Question},
};
use crate::{
    app::App,
    audit::{self, AuditEvent, AuditKind},
    change_log::{self, Change},
    consent::{self, Subject},
    store::{
        self,
        authorization_grant::{self, NewGrant},
        decided_request, organization_member, user_account,
    },
    tokens::lifetimes::CODE_TTL_SECONDS,
    users::{Session, SessionLifetimes, User, session},
};
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
    protocol::{
        error_code::ErrorCode,
        opaque_token::{OpaqueToken, TokenKind},
        scope::ScopeSet,
    },
    random::random_id,
};

/// What a person allowed.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    /// The request.
    pub request: &'a PendingRequest,
    /// Who decided, where.
    pub session: &'a Session,
    /// What was asked.
    pub question: &'a Question,
    /// What of it was chosen: the organization, or none.
    pub offer: &'a Offer,
    /// What was left ticked; never more than the offer has.
    pub scope: &'a ScopeSet,
    /// Whether not to ask again.
    pub remember: bool,
}

/// Why nothing was decided.
enum Undone {
    /// The consent that was remembered is not any more, or what was judged is not what there is.
    Stale,
    Refused(AuthorizationError),
}

impl From<AuthorizationError> for Undone {
    fn from(cause: AuthorizationError) -> Self {
        Self::Refused(cause)
    }
}

impl From<StoreError> for Undone {
    fn from(cause: StoreError) -> Self {
        Self::Refused(cause.into())
    }
}

/// Makes the grant and returns the URL that brings its code.
///
/// # Errors
/// [`PageRefusal::AlreadyDecided`] for the second of two decisions; a session or account that ended meanwhile, and a client or resource that
/// ended or changed, is [`PageRefusal::Expired`].
pub async fn allow(app: &App, allowed: &Allowed<'_>, now: UnixSeconds) -> Result<String, AuthorizationError> {
    match make_grant(app, allowed, false, now).await {
        Ok(location) => Ok(location),
        Err(Undone::Refused(cause)) => Err(cause),
        Err(Undone::Stale) => Err(PageRefusal::Expired.into()),
    }
}

/// Makes the grant that the person allowed before and need not be asked about. Whether that still stands is read in the transaction that
/// makes it: a revocation that came meanwhile has taken it away, and then nothing happens and the answer is `None`.
///
/// # Errors
/// As [`allow`].
pub async fn allow_again(
    app: &App,
    allowed: &Allowed<'_>,
    now: UnixSeconds,
) -> Result<Option<String>, AuthorizationError> {
    match make_grant(app, allowed, true, now).await {
        Ok(location) => Ok(Some(location)),
        Err(Undone::Refused(cause)) => Err(cause),
        Err(Undone::Stale) => Ok(None),
    }
}

async fn make_grant(
    app: &App,
    allowed: &Allowed<'_>,
    only_if_remembered: bool,
    now: UnixSeconds,
) -> Result<String, Undone> {
    let Allowed { request, session, question, offer, .. } = *allowed;
    let code = OpaqueToken::generate(TokenKind::AuthorizationCode, &*app.random);
    let grant_id = random_id(&*app.random);
    let scope = &allowed.scope.intersection(&offer.scopes);
    let grant = &NewGrant {
        id: &grant_id,
        user_id: &session.user.id,
        client_id: &question.client.id,
        resource: &question.resource.id,
        scope,
        organization_id: offer.standing.organization_id(),
        redirect_uri: request.address.redirect_uri(),
        code_hash: code.hash(),
        code_challenge: &request.code_challenge,
        code_expires_at: now + CODE_TTL_SECONDS,
        nonce: request.nonce.as_deref(),
        authenticated_at: session.authenticated_at,
        created_at: now,
        expires_at: now + app.lifetimes.grant_ttl_seconds,
    };
    let event = &AuditEvent::new(AuditKind::GrantMade, &*app.random, now)
        .user(&session.user.id)
        .by_user(&session.user.id)
        .client(&question.client.id)
        .grant(&grant_id);
    app.store
        .write(|mut tx| async move {
            let tx = &mut tx;
            consume(tx, app.session_lifetimes, request, session, now).await?;
            check_membership(tx, grant).await?;
            if !is_unchanged(tx, &question.client, &question.resource, now).await? {
                return Err(Undone::Stale);
            }
            let subject = subject(allowed);
            if only_if_remembered && !consent::remember::is_remembered(tx, &subject, scope).await? {
                return Err(Undone::Stale);
            }
            authorization_grant::insert(tx, grant).await?;
            if store::client::confirm(tx, grant.client_id, now).await? {
                change_log::append(tx, Change::ClientChanged(grant.client_id), now).await?;
            }
            if allowed.remember {
                consent::remember::remember(tx, &subject, scope, now).await?;
            }
            Ok::<_, Undone>(audit::record(tx, event).await?)
        })
        .await?;
    Ok(request.address.with_code(&app.issuer, code.expose()))
}

/// Consumes the request and returns the URL that tells the client so (`access_denied`, RFC 6749 §4.1.2.1).
///
/// # Errors
/// [`PageRefusal::AlreadyDecided`] for the second of two decisions.
pub async fn deny(
    app: &App,
    request: &PendingRequest,
    session: &Session,
    now: UnixSeconds,
) -> Result<String, AuthorizationError> {
    let event = &AuditEvent::new(AuditKind::ConsentDenied, &*app.random, now)
        .user(&session.user.id)
        .by_user(&session.user.id)
        .client(&request.client_id);
    app.store
        .write(|mut tx| async move {
            let tx = &mut tx;
            consume(tx, app.session_lifetimes, request, session, now).await?;
            Ok::<_, AuthorizationError>(audit::record(tx, event).await?)
        })
        .await?;
    let refusal = Refusal::new(ErrorCode::AccessDenied, "The person did not allow it.");
    Ok(request.address.with_refusal(&app.issuer, refusal))
}

/// One decision a request, by a session and an account that still are.
async fn consume(
    tx: &mut Tx,
    lifetimes: SessionLifetimes,
    request: &PendingRequest,
    session: &Session,
    now: UnixSeconds,
) -> Result<(), AuthorizationError> {
    if !decided_request::insert(tx, &request.id, now, request.expires_at()).await? {
        return Err(PageRefusal::AlreadyDecided.into());
    }
    if is_signed_in(tx, lifetimes, session, now).await? { Ok(()) } else { Err(PageRefusal::Expired.into()) }
}

/// Whether session and account still are; then the session goes on.
pub(super) async fn is_signed_in(
    tx: &mut Tx,
    lifetimes: SessionLifetimes,
    session: &Session,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let user = user_account::find(tx, &session.user.id).await?;
    if !session::is_live(tx, lifetimes, &session.hash, now).await? || !user.as_ref().is_some_and(User::is_active) {
        return Ok(false);
    }
    session::touch(tx, session, now).await?;
    Ok(true)
}

/// Nobody allows anything for an organization that was closed or left while the page was shown.
async fn check_membership(tx: &mut Tx, grant: &NewGrant<'_>) -> Result<(), AuthorizationError> {
    let is_member = is_member(tx, grant.organization_id, grant.user_id).await?;
    if is_member { Ok(()) } else { Err(PageRefusal::Expired.into()) }
}

/// Whether the user belongs to the organization, where one was chosen, and it is open.
pub(super) async fn is_member(tx: &mut Tx, organization_id: Option<&str>, user_id: &str) -> Result<bool, StoreError> {
    let Some(organization_id) = organization_id else { return Ok(true) };
    let membership = organization_member::find(tx, organization_id, user_id).await?;
    Ok(membership.is_some_and(|membership| membership.organization_disabled_at.is_none()))
}

fn subject<'a>(allowed: &Allowed<'a>) -> Subject<'a> {
    Subject {
        user_id: &allowed.session.user.id,
        client_id: &allowed.question.client.id,
        destination: &allowed.question.destination,
        resource: &allowed.question.resource,
        organization_id: allowed.offer.standing.organization_id(),
    }
}
