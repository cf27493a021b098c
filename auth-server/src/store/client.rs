//! Table `client`. Removed clients stay as rows, so that an id never comes back to life.

use super::json_list::{self, unreadable};
use crate::clients::{
    ApplicationType, AuthMethod, Client, ClientOrigin, GrantType,
    client::{PreviousSecret, UNCONFIRMED_LIFETIME_SECONDS},
};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    protocol::opaque_token::TokenHash,
};

/// The columns that [`client_row`] reads.
macro_rules! client_columns {
    () => {
        "id, name, origin, application_type, token_endpoint_auth_method, secret_hash, previous_secret_hash, \
         previous_secret_ends_at, jwks, redirect_uris, grant_types, scope, resources, refresh_grace_seconds, software_id, \
         software_version, client_uri, openid, registered_from, registration_token_hash, created_at, confirmed_at, removed_at"
    };
}

const FIND: Statement =
    Statement::new("client.find", concat!("SELECT ", client_columns!(), " FROM client WHERE id = $1"));
const LIST_PAGE: Statement = Statement::new(
    "client.list_page",
    concat!(
        "SELECT ",
        client_columns!(),
        " FROM client WHERE removed_at IS NULL AND id > $1 AND ($2 = '' OR origin = $2) \
     AND (confirmed_at IS NOT NULL OR created_at > $3) ORDER BY id LIMIT $4"
    ),
);
const INSERT: Statement = Statement::new(
    "client.insert",
    "INSERT INTO client (id, name, origin, application_type, token_endpoint_auth_method, secret_hash, jwks, redirect_uris, \
     grant_types, scope, resources, refresh_grace_seconds, software_id, software_version, client_uri, registered_from, \
     created_at, confirmed_at, openid, registration_token_hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
);
const REPLACE_REGISTRATION: Statement = Statement::new(
    "client.replace_registration",
    "UPDATE client SET name = $2, application_type = $3, token_endpoint_auth_method = $4, secret_hash = $5, jwks = $6, \
     redirect_uris = $7, grant_types = $8, scope = $9, software_id = $10, software_version = $11, client_uri = $12, openid = $13 \
     WHERE id = $1 AND removed_at IS NULL AND registration_token_hash = $14",
);
const ROTATE_SECRET: Statement = Statement::new(
    "client.rotate_secret",
    "UPDATE client SET previous_secret_hash = secret_hash, previous_secret_ends_at = $3, secret_hash = $2 \
     WHERE id = $1 AND removed_at IS NULL AND secret_hash IS NOT NULL",
);
const CONFIRM: Statement = Statement::new(
    "client.confirm",
    "UPDATE client SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL AND removed_at IS NULL",
);
const REMOVE: Statement =
    Statement::new("client.remove", "UPDATE client SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL");
const CHANGE: Statement = Statement::new(
    "client.change",
    "UPDATE client SET name = $2, application_type = $3, redirect_uris = $4, grant_types = $5, scope = $6, resources = $7, \
     refresh_grace_seconds = $8, openid = $9 WHERE id = $1 AND removed_at IS NULL",
);
const RENEW_ENROLMENT: Statement = Statement::new(
    "client.renew_enrolment",
    "UPDATE client SET name = $2, jwks = $3, resources = $4 WHERE id = $1 AND removed_at IS NULL",
);
/// The client of that id, removed or not.
pub async fn find(db: &mut impl Fetch, id: &str) -> Result<Option<Client>, StoreError> {
    db.fetch_optional(&FIND, binds![id]).await?.as_ref().map(client_row).transpose()
}

/// At most `limit` clients that exist at `now`, by id, after the id `after` (empty for the first page); of one origin, or of any when it is empty.
pub async fn list_page(
    db: &mut impl Fetch,
    origin: &str,
    after: &str,
    limit: i64,
    now: UnixSeconds,
) -> Result<Vec<Client>, StoreError> {
    let young = now - UNCONFIRMED_LIFETIME_SECONDS;
    db.fetch_all(&LIST_PAGE, binds![after, origin, young, limit]).await?.iter().map(client_row).collect()
}

/// Replaces what an administrator may change of a client; `false` if there is none.
pub async fn change(tx: &mut Tx, client: &Client) -> Result<bool, StoreError> {
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let binds = binds![
        &client.id,
        &client.name,
        client.application_type.as_str(),
        json_list::write(&client.redirect_uris),
        json_list::write(&grants),
        client.scope.to_string(),
        json_list::write(&client.resources),
        client.refresh_grace_seconds,
        serde_json::to_string(&client.openid).expect("texts and numbers have a JSON form"),
    ];
    Ok(tx.execute(&CHANGE, binds).await? == 1)
}

/// Inserts a new client.
pub async fn insert(tx: &mut Tx, client: &Client) -> Result<(), StoreError> {
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let binds = binds![
        &client.id,
        &client.name,
        client.origin.as_str(),
        client.application_type.as_str(),
        client.auth_method.as_str(),
        client.secret_hash.as_ref().map(|hash| &hash.0),
        jwks_text(client),
        json_list::write(&client.redirect_uris),
        json_list::write(&grants),
        client.scope.to_string(),
        json_list::write(&client.resources),
        client.refresh_grace_seconds,
        client.software_id.as_deref(),
        client.software_version.as_deref(),
        client.client_uri.as_deref(),
        client.registered_from.as_deref(),
        client.created_at,
        client.confirmed_at,
        serde_json::to_string(&client.openid).expect("texts and numbers have a JSON form"),
        client.registration_token_hash.as_ref().map(|hash| &hash.0),
    ];
    tx.execute(&INSERT, binds).await.map(drop)
}

/// Writes all that a client may change of its registration; `false` if it is gone, or has another registration access token.
pub async fn replace_registration(tx: &mut Tx, client: &Client) -> Result<bool, StoreError> {
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let binds = binds![
        &client.id,
        &client.name,
        client.application_type.as_str(),
        client.auth_method.as_str(),
        client.secret_hash.as_ref().map(|hash| &hash.0),
        jwks_text(client),
        json_list::write(&client.redirect_uris),
        json_list::write(&grants),
        client.scope.to_string(),
        client.software_id.as_deref(),
        client.software_version.as_deref(),
        client.client_uri.as_deref(),
        serde_json::to_string(&client.openid).expect("texts and numbers have a JSON form"),
        client.registration_token_hash.as_ref().map(|hash| &hash.0),
    ];
    Ok(tx.execute(&REPLACE_REGISTRATION, binds).await? == 1)
}

/// Gives a client another secret; the one it has counts until `previous_ends_at`, and one before that no more. `false` if there
/// is no such client, or it has no secret.
pub async fn rotate_secret(
    tx: &mut Tx,
    id: &str,
    secret: &TokenHash,
    previous_ends_at: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&ROTATE_SECRET, binds![id, &secret.0, previous_ends_at]).await? == 1)
}

/// Remembers that a person consented to the client; `false` if that is known, or the client is gone.
pub async fn confirm(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONFIRM, binds![id, now]).await? == 1)
}

/// Removes a client; `false` if there is none.
pub async fn remove(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE, binds![id, now]).await? == 1)
}

/// Writes name, keys and resources of an enrolled client anew; `false` if there is none.
pub async fn renew_enrolment(tx: &mut Tx, client: &Client) -> Result<bool, StoreError> {
    let binds = binds![&client.id, &client.name, jwks_text(client), json_list::write(&client.resources)];
    Ok(tx.execute(&RENEW_ENROLMENT, binds).await? == 1)
}

fn jwks_text(client: &Client) -> Option<String> {
    client.jwks.as_ref().map(|jwks| serde_json::to_string(jwks).expect("public keys have a JSON form"))
}

fn client_row(row: &Row) -> Result<Client, StoreError> {
    let jwks: Option<String> = row.get("jwks")?;
    Ok(Client {
        id: row.get("id")?,
        name: row.get("name")?,
        origin: word(row, "origin", ClientOrigin::parse)?,
        application_type: word(row, "application_type", ApplicationType::parse)?,
        auth_method: word(row, "token_endpoint_auth_method", AuthMethod::parse)?,
        secret_hash: hash(row, "secret_hash")?,
        previous_secret: previous_secret(row)?,
        jwks: jwks.map(|text| serde_json::from_str(&text).map_err(|error| unreadable("jwks", &error))).transpose()?,
        redirect_uris: json_list::read(row, "redirect_uris")?,
        grant_types: grant_types(row)?,
        scope: row.get::<String>("scope")?.parse().map_err(|error| unreadable("scope", &error))?,
        resources: json_list::read(row, "resources")?,
        refresh_grace_seconds: row.get("refresh_grace_seconds")?,
        software_id: row.get("software_id")?,
        software_version: row.get("software_version")?,
        client_uri: row.get("client_uri")?,
        openid: serde_json::from_str(&row.get::<String>("openid")?).map_err(|error| unreadable("openid", &error))?,
        registered_from: row.get("registered_from")?,
        registration_token_hash: hash(row, "registration_token_hash")?,
        created_at: row.get("created_at")?,
        confirmed_at: row.get("confirmed_at")?,
        removed_at: row.get("removed_at")?,
    })
}

fn word<T>(row: &Row, column: &'static str, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| unreadable(column, &text))
}

fn hash(row: &Row, column: &'static str) -> Result<Option<TokenHash>, StoreError> {
    let Some(bytes) = row.get::<Option<Vec<u8>>>(column)? else { return Ok(None) };
    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|error| unreadable(column, &error))?;
    Ok(Some(TokenHash(bytes)))
}

fn previous_secret(row: &Row) -> Result<Option<PreviousSecret>, StoreError> {
    let ends_at: Option<UnixSeconds> = row.get("previous_secret_ends_at")?;
    let hash = hash(row, "previous_secret_hash")?;
    Ok(hash.zip(ends_at).map(|(hash, ends_at)| PreviousSecret { hash, ends_at }))
}

fn grant_types(row: &Row) -> Result<Vec<GrantType>, StoreError> {
    let words: Vec<String> = json_list::read(row, "grant_types")?;
    words.iter().map(|text| GrantType::parse(text).ok_or_else(|| unreadable("grant_types", text))).collect()
}
