//! A person allows a client more than before, in the very grant that it has: for clients that hear that scopes are missing and can do nothing
//! but refresh. Who may be granted what is judged as for any other grant; the next refresh carries it.

use super::{
    check_unchanged::is_unchanged,
    decide::{is_member, is_signed_in},
};
use crate::{
    app::App,
    audit::{self, AuditEvent, AuditKind},
    clients::Client,
    organizations::{Membership, Standing},
    resources::{Resource, grantable},
    store::{
        authorization_grant::{self, AuthorizationGrant},
        organization_member,
    },
    users::Session,
};
use shared::{clock::UnixSeconds, db::StoreError, protocol::scope::ScopeSet};
use std::sync::Arc;

/// A grant, and what its user can add to it.
pub struct Widening {
    /// The grant as it is.
    pub grant: AuthorizationGrant,
    /// Whom it was allowed to.
    pub client: Arc<Client>,
    /// What it is for.
    pub resource: Arc<Resource>,
    /// The organization that it chose.
    pub membership: Option<Membership>,
    /// What of the scopes that were asked for it has not, and this user can allow.
    pub offered: ScopeSet,
}

/// What the user of `session` can add of `asked` to the grant with this id. `None`: there is no such grant, it is another person's, it has
/// ended, or nothing would carry what is added, for it has no refresh tokens.
///
/// # Errors
/// The database does not answer.
pub async fn find_widening(
    app: &App,
    session: &Session,
    grant_id: &str,
    asked: &ScopeSet,
    now: UnixSeconds,
) -> Result<Option<Widening>, StoreError> {
    let is_theirs = |grant: &AuthorizationGrant| {
        grant.user_id == session.user.id
            && grant.revoked_at.is_none()
            && grant.expires_at > now
            && grant.successor_key_id.is_some()
    };
    let Some(grant) = authorization_grant::find(&mut app.store.read(), grant_id).await?.filter(is_theirs) else {
        return Ok(None);
    };
    let (client, resource) = (app.clients.find(&grant.client_id).await?, app.resources.find(&grant.resource));
    let (Some(client), Some(resource)) = (client, resource) else { return Ok(None) };
    let memberships = organization_member::list_of_user(&mut app.store.read(), &session.user.id).await?;
    let is_chosen = |membership: &Membership| grant.organization_id.as_ref() == Some(&membership.organization.id);
    let membership = memberships.into_iter().find(is_chosen);
    if membership.is_none() && grant.organization_id.is_some() {
        return Ok(None);
    }
    let roles = Standing::of(&session.user, membership.as_ref()).roles;
    let missing = asked.intersection(&resource.all_scopes()).difference(&grant.scope);
    // To be asked for nothing is to be offered nothing, not what silence gets elsewhere.
    let offered = if missing.is_empty() {
        missing
    } else {
        missing.intersection(&grantable(&missing, &client, &roles, &resource))
    };
    Ok(Some(Widening { grant, client, resource, membership, offered }))
}

/// Adds `scope`, as far as it is offered. `false`: grant, session, membership, client or resource is not what it was; nothing happened.
///
/// # Errors
/// The database does not answer.
pub async fn widen_grant(
    app: &App,
    session: &Session,
    widening: &Widening,
    scope: &ScopeSet,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let Widening { grant, client, resource, .. } = widening;
    let added = scope.intersection(&widening.offered);
    let wider = &grant.scope.union(&added);
    let event = &event(app, AuditKind::GrantWidened, session, grant, now).detail(&added.to_string());
    app.store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let is_widened = is_signed_in(tx, app.session_lifetimes, session, now).await?
                && is_member(tx, grant.organization_id.as_deref(), &grant.user_id).await?
                && is_unchanged(tx, client, resource, now).await?
                && authorization_grant::widen(tx, &grant.id, &grant.scope, wider, now).await?;
            if is_widened {
                audit::record(tx, event).await?;
            }
            Ok::<_, StoreError>(is_widened)
        })
        .await
}

/// Leaves the grant as it is, and writes down that its user said so.
///
/// # Errors
/// The database does not answer.
pub async fn leave_grant(
    app: &App,
    session: &Session,
    grant: &AuthorizationGrant,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let event = &event(app, AuditKind::ConsentDenied, session, grant, now);
    app.store.write(|mut tx| async move { audit::record(&mut tx, event).await }).await
}

fn event(app: &App, kind: AuditKind, session: &Session, grant: &AuthorizationGrant, now: UnixSeconds) -> AuditEvent {
    AuditEvent::new(kind, &*app.random, now)
        .user(&session.user.id)
        .by_user(&session.user.id)
        .client(&grant.client_id)
        .grant(&grant.id)
}
