//! Who administers: a user who is an administrator now, or a machine that an administrator made one, read from the database at each call. A
//! token alone says what was true when it was made.

use crate::{
    administration::Operation,
    app::App,
    audit::Actor,
    clients::{Client, ClientOrigin, GrantType},
    endpoints::guard::{insufficient_scope, require_one_of},
    error::OAuthError,
    resources::resource::{ADMIN_READ_SCOPE, ADMIN_SCOPE},
    store,
    users::User,
};
use http::{HeaderMap, StatusCode};
use shared::{
    clock::UnixSeconds,
    protocol::{access_token_claims::AccessTokenClaims, error_code::ErrorCode, scope::ScopeSet},
};

/// Enough for looking, the least first.
const TO_LOOK: &[&str] = &[ADMIN_READ_SCOPE, ADMIN_SCOPE];
/// Enough for everything.
const TO_CHANGE: &[&str] = &[ADMIN_SCOPE];

/// Who may perform `operation` with the token in these headers.
///
/// # Errors
/// 401 or 403 with a challenge (RFC 6750 §3), or 503 when nobody knows.
pub(super) async fn identify(
    app: &App,
    headers: &HeaderMap,
    operation: &Operation,
    now: UnixSeconds,
) -> Result<Actor, OAuthError> {
    let accepted = if operation.changes() { TO_CHANGE } else { TO_LOOK };
    let claims = require_one_of(app, headers, accepted, now).await?;
    let mut reader = app.store.read();
    let client = store::client::find(&mut reader, &claims.client_id).await?.filter(|client| client.is_alive(now));
    let client = client.filter(|client| may_administer(client, app)).ok_or_else(|| {
        forbidden("The client of this token may not administer: an administrator gives it the interface by name.")
    })?;
    if !accepted.iter().any(|scope| client.scope.contains(scope)) {
        return Err(insufficient_scope(&accepted.iter().copied().take(1).collect::<ScopeSet>()));
    }
    if is_machine(&claims) {
        return match client.allows_grant(GrantType::ClientCredentials) {
            true => Ok(Actor::Machine { client_id: client.id }),
            false => Err(forbidden("The client of this token is no machine any more.")),
        };
    }
    let user = store::user_account::find(&mut reader, &claims.sub).await?.filter(User::is_active);
    match user.filter(User::is_administrator) {
        Some(user) => Ok(Actor::User { user_id: user.id, client_id: client.id }),
        None => Err(forbidden("The user of this token does not administer this installation.")),
    }
}

fn may_administer(client: &Client, app: &App) -> bool {
    client.origin == ClientOrigin::Administered && client.may_use(&app.resources.management())
}

/// No user stands behind it: it is its client's own.
fn is_machine(claims: &AccessTokenClaims) -> bool {
    claims.grant_id.is_none() && claims.sub == claims.client_id
}

fn forbidden(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, description).with_status(StatusCode::FORBIDDEN)
}
