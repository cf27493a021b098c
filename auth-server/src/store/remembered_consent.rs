//! `remembered_consent`: what a user allowed a client and need not be asked again.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
    protocol::scope::ScopeSet,
};

/// What a consent was given to; all parts must be identical for it to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentKey<'a> {
    /// Who allowed.
    pub user_id: &'a str,
    /// Which client.
    pub client_id: &'a str,
    /// The host (with port) that the answer went to.
    pub redirect_host: &'a str,
    /// The canonical id of the resource.
    pub resource: &'a str,
    /// The organization that it was given for.
    pub organization_id: Option<&'a str>,
}

const REMEMBER: Statement = Statement::new(
    "remembered_consent.remember",
    "INSERT INTO remembered_consent (user_id, client_id, redirect_host, resource, organization_id, scope, policy_version, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (user_id, client_id, redirect_host, resource, organization_id) \
     DO UPDATE SET scope = excluded.scope, policy_version = excluded.policy_version, created_at = excluded.created_at",
);
const FIND: Statement = Statement::new(
    "remembered_consent.find",
    "SELECT scope FROM remembered_consent \
     WHERE user_id = $1 AND client_id = $2 AND redirect_host = $3 AND resource = $4 \
     AND organization_id = $5 AND policy_version = $6",
);
const FORGET_OF_USER: Statement =
    Statement::new("remembered_consent.forget_of_user", "DELETE FROM remembered_consent WHERE user_id = $1");
const FORGET_EVERY: Statement = Statement::new("remembered_consent.forget_every", "DELETE FROM remembered_consent");
const FORGET_OF_GRANT: Statement = Statement::new(
    "remembered_consent.forget_of_grant",
    "DELETE FROM remembered_consent WHERE user_id = $1 AND client_id = $2 AND resource = $3",
);
const FORGET_OF_USER_AND_CLIENT: Statement = Statement::new(
    "remembered_consent.forget_of_user_and_client",
    "DELETE FROM remembered_consent WHERE user_id = $1 AND client_id = $2",
);
const FORGET_OF_MEMBER: Statement = Statement::new(
    "remembered_consent.forget_of_member",
    "DELETE FROM remembered_consent WHERE organization_id = $1 AND user_id = $2",
);
const FORGET_OF_ORGANIZATION: Statement = Statement::new(
    "remembered_consent.forget_of_organization",
    "DELETE FROM remembered_consent WHERE organization_id = $1",
);
const FORGET_OF_RESOURCE: Statement =
    Statement::new("remembered_consent.forget_of_resource", "DELETE FROM remembered_consent WHERE resource = $1");
const FORGET_OF_CLIENT: Statement =
    Statement::new("remembered_consent.forget_of_client", "DELETE FROM remembered_consent WHERE client_id = $1");

/// Remembers `scope` in place of what was remembered for the same key.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn remember(
    tx: &mut Tx,
    key: &ConsentKey<'_>,
    scope: &ScopeSet,
    policy_version: i64,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let organization_id = key.organization_id.unwrap_or_default();
    let binds = binds![
        key.user_id,
        key.client_id,
        key.redirect_host,
        key.resource,
        organization_id,
        scope.to_string(),
        policy_version,
        now,
    ];
    tx.execute(&REMEMBER, binds).await.map(drop)
}

/// The scopes allowed earlier under the same key and the same policy of the resource.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find(
    db: &mut impl Fetch,
    key: &ConsentKey<'_>,
    policy_version: i64,
) -> Result<Option<ScopeSet>, StoreError> {
    let organization_id = key.organization_id.unwrap_or_default();
    let binds = binds![key.user_id, key.client_id, key.redirect_host, key.resource, organization_id, policy_version];
    let Some(row) = db.fetch_optional(&FIND, binds).await? else { return Ok(None) };
    Ok(row.get::<String>("scope")?.parse().ok())
}

/// Forgets all that a user allowed.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_user(tx: &mut Tx, user_id: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_USER, binds![user_id]).await.map(drop)
}

/// Forgets all that anybody allowed.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_every(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute(&FORGET_EVERY, binds![]).await.map(drop)
}

/// Forgets what a user allowed a client at a resource, wherever its answers went.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_grant(tx: &mut Tx, user_id: &str, client_id: &str, resource: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_GRANT, binds![user_id, client_id, resource]).await.map(drop)
}

/// Forgets what a user allowed a client, at whatever resource.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_user_and_client(tx: &mut Tx, user_id: &str, client_id: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_USER_AND_CLIENT, binds![user_id, client_id]).await.map(drop)
}

/// Forgets what a user allowed for an organization.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_member(tx: &mut Tx, organization_id: &str, user_id: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_MEMBER, binds![organization_id, user_id]).await.map(drop)
}

/// Forgets what anybody allowed for an organization.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_organization(tx: &mut Tx, organization_id: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_ORGANIZATION, binds![organization_id]).await.map(drop)
}

/// Forgets what anybody allowed for a resource.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_resource(tx: &mut Tx, resource: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_RESOURCE, binds![resource]).await.map(drop)
}

/// Forgets all that anybody allowed a client.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget_of_client(tx: &mut Tx, client_id: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_OF_CLIENT, binds![client_id]).await.map(drop)
}
