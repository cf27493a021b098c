//! What a user allowed a client. A code buys it once; a family of refresh tokens carries it on.
//!
//! The code's hash stays for the life of the row, so that a second attempt is known however late it comes
//! (RFC 6749 §4.1.2).

use super::grant_holder::{self, GrantHolder, holder_columns, holder_joins};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    protocol::{opaque_token::TokenHash, scope::ScopeSet},
};

/// The columns that [`read`] reads, of a table called `g`.
macro_rules! grant_columns {
    () => {
        "g.id AS grant_id, g.user_id, g.client_id, g.resource, g.scope, g.organization_id, g.redirect_uri, \
         g.code_challenge, g.code_expires_at, g.code_attempted_at, g.nonce, g.authenticated_at, g.successor_key_id, \
         g.created_at AS grant_created_at, g.expires_at AS grant_expires_at, g.revoked_at"
    };
}
pub(super) use grant_columns;

const INSERT: Statement = Statement::new(
    "authorization_grant.insert",
    "INSERT INTO authorization_grant (id, user_id, client_id, resource, scope, organization_id, redirect_uri, code_hash, \
     code_challenge, code_expires_at, nonce, authenticated_at, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
const FIND: Statement = Statement::new(
    "authorization_grant.find",
    concat!("SELECT ", grant_columns!(), " FROM authorization_grant g WHERE g.id = $1"),
);
const FIND_BY_CODE: Statement = Statement::new(
    "authorization_grant.find_by_code",
    concat!(
        "SELECT ",
        grant_columns!(),
        ", ",
        holder_columns!(),
        " FROM authorization_grant g ",
        holder_joins!(),
        " WHERE g.code_hash = $1",
    ),
);
const LIST_STANDING: Statement = Statement::new(
    "authorization_grant.list_standing",
    concat!(
        "SELECT ",
        grant_columns!(),
        " FROM authorization_grant g \
         WHERE g.user_id = $1 AND g.client_id = $2 AND g.revoked_at IS NULL AND g.expires_at > $3 ORDER BY g.id"
    ),
);
const ATTEMPT_CODE: Statement = Statement::new(
    "authorization_grant.attempt_code",
    "UPDATE authorization_grant SET code_attempted_at = $2 WHERE id = $1 AND code_attempted_at IS NULL",
);
const REDEEM_CODE: Statement = Statement::new(
    "authorization_grant.redeem_code",
    "UPDATE authorization_grant SET code_attempted_at = $2, successor_key_id = $3 \
     WHERE id = $1 AND code_attempted_at IS NULL AND revoked_at IS NULL AND code_expires_at > $2",
);
const WIDEN: Statement = Statement::new(
    "authorization_grant.widen",
    "UPDATE authorization_grant SET scope = $3 WHERE id = $1 AND scope = $2 AND revoked_at IS NULL AND expires_at > $4",
);
const REVOKE: Statement = Statement::new(
    "authorization_grant.revoke",
    "UPDATE authorization_grant SET revoked_at = $2, revocation_reason = $3 WHERE id = $1 AND revoked_at IS NULL",
);
const REVOKE_OF_USER: Statement = Statement::new(
    "authorization_grant.revoke_of_user",
    "UPDATE authorization_grant SET revoked_at = $2, revocation_reason = $3 WHERE user_id = $1 AND revoked_at IS NULL",
);
const REVOKE_OF_MEMBER: Statement = Statement::new(
    "authorization_grant.revoke_of_member",
    "UPDATE authorization_grant SET revoked_at = $3, revocation_reason = $4 \
     WHERE organization_id = $1 AND user_id = $2 AND revoked_at IS NULL",
);
const REVOKE_OF_ORGANIZATION: Statement = Statement::new(
    "authorization_grant.revoke_of_organization",
    "UPDATE authorization_grant SET revoked_at = $2, revocation_reason = $3 \
     WHERE organization_id = $1 AND revoked_at IS NULL",
);
const REVOKE_OF_RESOURCE: Statement = Statement::new(
    "authorization_grant.revoke_of_resource",
    "UPDATE authorization_grant SET revoked_at = $2, revocation_reason = $3 WHERE resource = $1 AND revoked_at IS NULL",
);
const REVOKE_EVERY: Statement = Statement::new(
    "authorization_grant.revoke_every",
    "UPDATE authorization_grant SET revoked_at = $1, revocation_reason = $2 WHERE revoked_at IS NULL",
);
const REVOKE_OF_CLIENT: Statement = Statement::new(
    "authorization_grant.revoke_of_client",
    "UPDATE authorization_grant SET revoked_at = $2, revocation_reason = $3 WHERE client_id = $1 AND revoked_at IS NULL",
);

/// A grant as consent makes it, with the code that buys it.
#[derive(Debug, Clone)]
pub struct NewGrant<'a> {
    /// Unguessable id; the claim `grant_id` of its access tokens.
    pub id: &'a str,
    /// Who allowed it.
    pub user_id: &'a str,
    /// Whom it was allowed to.
    pub client_id: &'a str,
    /// The registered resource, exactly as the `aud` of its tokens.
    pub resource: &'a str,
    /// What was allowed.
    pub scope: &'a ScopeSet,
    /// The organization that was chosen.
    pub organization_id: Option<&'a str>,
    /// Where the code is sent, exactly as the request named it.
    pub redirect_uri: &'a str,
    /// SHA-256 of the code.
    pub code_hash: TokenHash,
    /// `S256` challenge (RFC 7636 §4.2).
    pub code_challenge: &'a str,
    /// End of the code.
    pub code_expires_at: UnixSeconds,
    /// OpenID Connect `nonce`.
    pub nonce: Option<&'a str>,
    /// When the user signed in: `auth_time`.
    pub authenticated_at: UnixSeconds,
    /// When consent was given.
    pub created_at: UnixSeconds,
    /// The absolute end, whatever is refreshed.
    pub expires_at: UnixSeconds,
}

/// A grant as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationGrant {
    /// The claim `grant_id`.
    pub id: String,
    /// Who allowed it.
    pub user_id: String,
    /// Whom it was allowed to.
    pub client_id: String,
    /// The registered resource.
    pub resource: String,
    /// What was allowed; a refresh narrows only its own access token, and its user alone widens it.
    pub scope: ScopeSet,
    /// The organization that was chosen.
    pub organization_id: Option<String>,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// `S256` challenge.
    pub code_challenge: String,
    /// End of the code.
    pub code_expires_at: UnixSeconds,
    /// When the code was first presented, whatever came of it.
    pub code_attempted_at: Option<UnixSeconds>,
    /// OpenID Connect `nonce`.
    pub nonce: Option<String>,
    /// `auth_time`.
    pub authenticated_at: UnixSeconds,
    /// The key that derives the family's successors; absent while there is no family.
    pub successor_key_id: Option<String>,
    /// When consent was given.
    pub created_at: UnixSeconds,
    /// The absolute end.
    pub expires_at: UnixSeconds,
    /// When it was revoked.
    pub revoked_at: Option<UnixSeconds>,
}

/// Why a grant ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// The code was presented a second time (RFC 6749 §4.1.2).
    CodeReplayed,
    /// A refresh token was presented whose successor was used, or too late (RFC 9700 §4.14.2).
    RefreshTokenReplayed,
    /// The user was disabled.
    UserDisabled,
    /// The user does not belong to the organization any more.
    MemberRemoved,
    /// The organization was closed.
    OrganizationDisabled,
    /// The resource was removed.
    ResourceRemoved,
    /// The client was removed.
    ClientRemoved,
    /// An administrator revoked it.
    Administrator,
    /// Its user revoked it.
    User,
    /// Its client gave it back (RFC 7009).
    Client,
}

impl RevocationReason {
    /// What is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReplayed => "code_replayed",
            Self::RefreshTokenReplayed => "refresh_token_replayed",
            Self::UserDisabled => "user_disabled",
            Self::MemberRemoved => "member_removed",
            Self::OrganizationDisabled => "organization_disabled",
            Self::ResourceRemoved => "resource_removed",
            Self::ClientRemoved => "client_removed",
            Self::Administrator => "administrator",
            Self::User => "user",
            Self::Client => "client",
        }
    }
}

/// Stores a grant whose code was not presented yet.
///
/// # Errors
/// The database does not answer, or refuses the row (an id or code that exists).
pub async fn insert(tx: &mut Tx, grant: &NewGrant<'_>) -> Result<(), StoreError> {
    let binds = binds![
        grant.id,
        grant.user_id,
        grant.client_id,
        grant.resource,
        grant.scope.to_string(),
        grant.organization_id,
        grant.redirect_uri,
        &grant.code_hash.0,
        grant.code_challenge,
        grant.code_expires_at,
        grant.nonce,
        grant.authenticated_at,
        grant.created_at,
        grant.expires_at,
    ];
    tx.execute(&INSERT, binds).await.map(drop)
}

/// The grant with this id.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &mut impl Fetch, id: &str) -> Result<Option<AuthorizationGrant>, StoreError> {
    db.fetch_optional(&FIND, binds![id]).await?.as_ref().map(read).transpose()
}

/// The grant that this code buys, or once bought, and its user.
///
/// # Errors
/// The database does not answer.
pub async fn find_by_code(
    db: &mut impl Fetch,
    code: &TokenHash,
) -> Result<Option<(AuthorizationGrant, GrantHolder)>, StoreError> {
    let row = db.fetch_optional(&FIND_BY_CODE, binds![&code.0]).await?;
    row.map(|row| Ok((read(&row)?, grant_holder::read(&row)?))).transpose()
}

/// What a user allowed a client and still stands, codes that nobody redeemed yet among it.
///
/// # Errors
/// The database does not answer.
pub async fn list_standing(
    db: &mut impl Fetch,
    user_id: &str,
    client_id: &str,
    now: UnixSeconds,
) -> Result<Vec<AuthorizationGrant>, StoreError> {
    db.fetch_all(&LIST_STANDING, binds![user_id, client_id, now]).await?.iter().map(read).collect()
}

/// Burns the code without buying anything. `false`: it was presented before.
///
/// # Errors
/// The database does not answer.
pub async fn attempt_code(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&ATTEMPT_CODE, binds![id, now]).await? == 1)
}

/// Burns the code for what it buys; `successor_key_id` when a family of refresh tokens begins. `false`: presented
/// before, expired or revoked since it was looked at.
///
/// # Errors
/// The database does not answer.
pub async fn redeem_code(
    tx: &mut Tx,
    id: &str,
    successor_key_id: Option<&str>,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&REDEEM_CODE, binds![id, now, successor_key_id]).await? == 1)
}

/// Replaces the scope of a grant by a wider one. `false`: it has another scope than `scope` by now, or has ended.
///
/// # Errors
/// The database does not answer.
pub async fn widen(
    tx: &mut Tx,
    id: &str,
    scope: &ScopeSet,
    wider: &ScopeSet,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&WIDEN, binds![id, scope.to_string(), wider.to_string(), now]).await? == 1)
}

/// Ends a grant: its code and every refresh token with it. The caller appends the change in the same transaction.
/// `false`: it had ended before.
///
/// # Errors
/// The database does not answer.
pub async fn revoke(tx: &mut Tx, id: &str, reason: RevocationReason, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&REVOKE, binds![id, now, reason.as_str()]).await? == 1)
}

/// Ends every grant of a user; how many.
///
/// # Errors
/// The database does not answer.
pub async fn revoke_of_user(
    tx: &mut Tx,
    user_id: &str,
    reason: RevocationReason,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    tx.execute(&REVOKE_OF_USER, binds![user_id, now, reason.as_str()]).await
}

/// Ends every grant of a user for an organization; how many.
///
/// # Errors
/// The database does not answer.
pub async fn revoke_of_member(
    tx: &mut Tx,
    organization_id: &str,
    user_id: &str,
    reason: RevocationReason,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    tx.execute(&REVOKE_OF_MEMBER, binds![organization_id, user_id, now, reason.as_str()]).await
}

/// Ends every grant for an organization; how many.
///
/// # Errors
/// The database does not answer.
pub async fn revoke_of_organization(
    tx: &mut Tx,
    organization_id: &str,
    reason: RevocationReason,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    tx.execute(&REVOKE_OF_ORGANIZATION, binds![organization_id, now, reason.as_str()]).await
}

/// Ends every grant for a resource; how many.
///
/// # Errors
/// The database does not answer.
pub async fn revoke_of_resource(
    tx: &mut Tx,
    resource: &str,
    reason: RevocationReason,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    tx.execute(&REVOKE_OF_RESOURCE, binds![resource, now, reason.as_str()]).await
}

/// Ends every grant of a client; how many.
///
/// # Errors
/// The database does not answer.
pub async fn revoke_of_client(
    tx: &mut Tx,
    client_id: &str,
    reason: RevocationReason,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    tx.execute(&REVOKE_OF_CLIENT, binds![client_id, now, reason.as_str()]).await
}

/// Ends every grant; how many.
///
/// # Errors
/// The database does not answer.
pub async fn revoke_every(tx: &mut Tx, reason: RevocationReason, now: UnixSeconds) -> Result<u64, StoreError> {
    tx.execute(&REVOKE_EVERY, binds![now, reason.as_str()]).await
}

/// Reads a grant out of a row that has [`grant_columns`].
pub(super) fn read(row: &Row) -> Result<AuthorizationGrant, StoreError> {
    let scope: String = row.get("scope")?;
    Ok(AuthorizationGrant {
        id: row.get("grant_id")?,
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        resource: row.get("resource")?,
        scope: scope.parse().map_err(|_| StoreError::Failed {
            statement: "authorization_grant.read",
            cause: "the stored scope is malformed".to_owned(),
        })?,
        organization_id: row.get("organization_id")?,
        redirect_uri: row.get("redirect_uri")?,
        code_challenge: row.get("code_challenge")?,
        code_expires_at: row.get("code_expires_at")?,
        code_attempted_at: row.get("code_attempted_at")?,
        nonce: row.get("nonce")?,
        authenticated_at: row.get("authenticated_at")?,
        successor_key_id: row.get("successor_key_id")?,
        created_at: row.get("grant_created_at")?,
        expires_at: row.get("grant_expires_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}
