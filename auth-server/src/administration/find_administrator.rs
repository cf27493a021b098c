//! Who administers: a user who is an administrator now, or a machine that an administrator made one, read from the database at each call. A
//! token alone says what was true when it was made.

use crate::{
    app::App,
    audit::Actor,
    clients::{Client, ClientOrigin, GrantType},
    store,
    users::User,
};
use shared::{clock::UnixSeconds, db::StoreError, protocol::access_token_claims::AccessTokenClaims};

/// Why the holder of a good token does not administer.
#[derive(Debug, thiserror::Error)]
pub enum NotAdministrator {
    /// Its client is gone, or no administrator gave it the interface.
    #[error("the client may not administer")]
    Client,
    /// Its client has none of the accepted scopes any more.
    #[error("the client lost the scope")]
    Scope,
    /// No user stands behind it, and its client gets no tokens of its own any more.
    #[error("the client is no machine any more")]
    Machine,
    /// Its user is gone, closed, or no administrator any more.
    #[error("the user does not administer")]
    User,
    /// Nobody knows.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who acts with a token of these claims, of which any one of the scopes `accepted` was enough.
///
/// # Errors
/// [`NotAdministrator`].
pub async fn find_administrator(
    app: &App,
    claims: &AccessTokenClaims,
    accepted: &[&str],
    now: UnixSeconds,
) -> Result<Actor, NotAdministrator> {
    let mut reader = app.store.read();
    let client = store::client::find(&mut reader, &claims.client_id).await?.filter(|client| client.is_alive(now));
    let client = client.filter(|client| may_administer(client, app)).ok_or(NotAdministrator::Client)?;
    if !accepted.iter().any(|scope| client.scope.contains(scope)) {
        return Err(NotAdministrator::Scope);
    }
    if is_machine(claims) {
        return match client.allows_grant(GrantType::ClientCredentials) {
            true => Ok(Actor::Machine { client_id: client.id }),
            false => Err(NotAdministrator::Machine),
        };
    }
    let user = store::user_account::find(&mut reader, &claims.sub).await?.filter(User::is_active);
    match user.filter(User::is_administrator) {
        Some(user) => Ok(Actor::User { user_id: user.id, client_id: client.id }),
        None => Err(NotAdministrator::User),
    }
}

fn may_administer(client: &Client, app: &App) -> bool {
    client.origin == ClientOrigin::Administered && client.may_use(&app.resources.management())
}

/// No user stands behind it: it is its client's own.
fn is_machine(claims: &AccessTokenClaims) -> bool {
    claims.grant_id.is_none() && claims.sub == claims.client_id
}
