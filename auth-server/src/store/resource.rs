//! Table `resource`.

use super::json_list::{self, unreadable};
use crate::resources::{Resource, set_resource_tokens::TokenChoice};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    protocol::token_algorithm::TokenAlgorithm,
};

const FIND: Statement = Statement::new(
    "resource.find",
    "SELECT id, name, owner_client_id, scopes, COALESCE(set_access_token_ttl_seconds, access_token_ttl_seconds) AS access_token_ttl_seconds, \
     COALESCE(set_algorithm, algorithm) AS algorithm, policy_version FROM resource WHERE canonical = $1 AND removed_at IS NULL",
);
const FIND_REGISTERED: Statement = Statement::new(
    "resource.find_registered",
    "SELECT id, name, owner_client_id, scopes, access_token_ttl_seconds, algorithm, policy_version \
     FROM resource WHERE canonical = $1 AND removed_at IS NULL",
);
const SET_TOKENS: Statement = Statement::new(
    "resource.set_tokens",
    "UPDATE resource SET set_access_token_ttl_seconds = COALESCE($2, set_access_token_ttl_seconds), \
     set_algorithm = COALESCE($3, set_algorithm), updated_at = $4 WHERE canonical = $1 AND removed_at IS NULL",
);
const SET_TOKENS_ANEW: Statement = Statement::new(
    "resource.set_tokens_anew",
    "UPDATE resource SET set_access_token_ttl_seconds = $2, set_algorithm = $3, updated_at = $4 \
     WHERE canonical = $1 AND removed_at IS NULL",
);
const LIST: Statement = Statement::new(
    "resource.list",
    "SELECT id, name, owner_client_id, scopes, COALESCE(set_access_token_ttl_seconds, access_token_ttl_seconds) AS access_token_ttl_seconds, \
     COALESCE(set_algorithm, algorithm) AS algorithm, policy_version \
     FROM resource WHERE removed_at IS NULL ORDER BY created_at, id LIMIT 1000",
);
const FIND_BY_ID: Statement = Statement::new(
    "resource.find_by_id",
    "SELECT id, name, owner_client_id, scopes, COALESCE(set_access_token_ttl_seconds, access_token_ttl_seconds) AS access_token_ttl_seconds, \
     COALESCE(set_algorithm, algorithm) AS algorithm, policy_version \
     FROM resource WHERE id = $1 AND removed_at IS NULL",
);
const LIST_PAGE: Statement = Statement::new(
    "resource.list_page",
    "SELECT id, name, owner_client_id, scopes, COALESCE(set_access_token_ttl_seconds, access_token_ttl_seconds) AS access_token_ttl_seconds, \
     COALESCE(set_algorithm, algorithm) AS algorithm, policy_version \
     FROM resource WHERE removed_at IS NULL AND id > $1 AND ($2 = '' OR owner_client_id = $2) ORDER BY id LIMIT $3",
);
const PUT: Statement = Statement::new(
    "resource.put",
    "INSERT INTO resource (id, canonical, name, owner_client_id, scopes, access_token_ttl_seconds, algorithm, policy_version, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, owner_client_id = excluded.owner_client_id, scopes = excluded.scopes, \
     access_token_ttl_seconds = excluded.access_token_ttl_seconds, algorithm = excluded.algorithm, \
     policy_version = excluded.policy_version, updated_at = excluded.updated_at, removed_at = NULL",
);
const REMOVE: Statement = Statement::new(
    "resource.remove",
    "UPDATE resource SET removed_at = $2, updated_at = $2 WHERE id = $1 AND removed_at IS NULL",
);
const LIST_OF_OWNER: Statement = Statement::new(
    "resource.list_of_owner",
    "SELECT id FROM resource WHERE owner_client_id = $1 AND removed_at IS NULL ORDER BY id",
);
const LAST_POLICY_VERSION: Statement =
    Statement::new("resource.last_policy_version", "SELECT policy_version FROM resource WHERE id = $1");

/// The same, as its resource server registered it: without what an administrator set.
pub async fn find_registered(db: &mut impl Fetch, canonical: &str) -> Result<Option<Resource>, StoreError> {
    db.fetch_optional(&FIND_REGISTERED, binds![canonical]).await?.as_ref().map(resource_row).transpose()
}

/// Sets how the tokens of the resource with that canonical form are made; `false` if there is none.
pub async fn set_tokens(
    tx: &mut Tx,
    canonical: &str,
    choice: &TokenChoice,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let algorithm = choice.algorithm.map(TokenAlgorithm::as_str);
    let binds = binds![canonical, choice.access_token_ttl_seconds, algorithm, now];
    let statement = if choice.as_registered { &SET_TOKENS_ANEW } else { &SET_TOKENS };
    Ok(tx.execute(statement, binds).await? == 1)
}

/// The registered resource with that canonical form, however it was written.
pub async fn find(db: &mut impl Fetch, canonical: &str) -> Result<Option<Resource>, StoreError> {
    db.fetch_optional(&FIND, binds![canonical]).await?.as_ref().map(resource_row).transpose()
}

/// Every registered resource, the oldest first.
pub async fn list(db: &mut impl Fetch) -> Result<Vec<Resource>, StoreError> {
    db.fetch_all(&LIST, binds![]).await?.iter().map(resource_row).collect()
}

/// The registered resource that is written exactly so.
pub async fn find_by_id(db: &mut impl Fetch, id: &str) -> Result<Option<Resource>, StoreError> {
    db.fetch_optional(&FIND_BY_ID, binds![id]).await?.as_ref().map(resource_row).transpose()
}

/// At most `limit` registered resources by id, after the id `after` (empty for the first page); of one resource server, or of all when
/// `owner_client_id` is empty.
pub async fn list_page(
    db: &mut impl Fetch,
    owner_client_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Resource>, StoreError> {
    db.fetch_all(&LIST_PAGE, binds![after, owner_client_id, limit]).await?.iter().map(resource_row).collect()
}

/// The policy version that a resource of that id last had, also when it was removed since: versions never come back.
pub async fn last_policy_version(db: &mut impl Fetch, id: &str) -> Result<Option<i64>, StoreError> {
    db.fetch_optional(&LAST_POLICY_VERSION, binds![id]).await?.map(|row| row.get("policy_version")).transpose()
}

/// The ids of the registered resources of a resource server.
pub async fn list_of_owner(db: &mut impl Fetch, client_id: &str) -> Result<Vec<String>, StoreError> {
    db.fetch_all(&LIST_OF_OWNER, binds![client_id]).await?.iter().map(|row| row.get("id")).collect()
}

/// Removes a resource; its policy version stays known. `false` if there is none.
pub async fn remove(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE, binds![id, now]).await? == 1)
}

/// Registers or replaces a resource; `canonical` is the canonical form of its id.
pub async fn put(tx: &mut Tx, resource: &Resource, canonical: &str, now: UnixSeconds) -> Result<(), StoreError> {
    let binds = binds![
        &resource.id,
        canonical,
        &resource.name,
        &resource.owner_client_id,
        json_list::write(&resource.scopes),
        resource.access_token_ttl_seconds,
        resource.algorithm.as_str(),
        resource.policy_version,
        now,
    ];
    tx.execute(&PUT, binds).await.map(drop)
}

fn resource_row(row: &Row) -> Result<Resource, StoreError> {
    let algorithm: Option<String> = row.get("algorithm")?;
    let algorithm = match algorithm.as_deref() {
        None => TokenAlgorithm::default(),
        Some(word) => TokenAlgorithm::parse(word).ok_or_else(|| unreadable("algorithm", &word))?,
    };
    Ok(Resource {
        id: row.get("id")?,
        name: row.get("name")?,
        owner_client_id: row.get("owner_client_id")?,
        scopes: json_list::read(row, "scopes")?,
        access_token_ttl_seconds: row.get("access_token_ttl_seconds")?,
        algorithm,
        policy_version: row.get("policy_version")?,
    })
}
