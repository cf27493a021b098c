//! The audit log's table: security-relevant acts by pseudonymous ids, appended in the transaction that acts and chained a moment later.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

const INSERT: Statement = Statement::new(
    "audit_event.insert",
    "INSERT INTO audit_event (id, at, kind, user_id, client_id, grant_id, address_block, detail, \
     actor, actor_user_id, actor_client_id, target, request_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
);
/// Rows with the names that their ids have today.
macro_rules! labelled {
    () => {
        "SELECT e.*, u.email AS user_email, c.name AS client_name, au.email AS actor_email, ac.name AS actor_client_name \
         FROM audit_event e LEFT JOIN user_account u ON u.id = e.user_id LEFT JOIN client c ON c.id = e.client_id \
         LEFT JOIN user_account au ON au.id = e.actor_user_id LEFT JOIN client ac ON ac.id = e.actor_client_id "
    };
}

const LIST: Statement = Statement::new(
    "audit_event.list",
    concat!(
        labelled!(),
        "WHERE (CAST($1 AS TEXT) IS NULL OR e.user_id = $1 OR e.actor_user_id = $1) \
         AND (CAST($2 AS TEXT) IS NULL OR e.client_id = $2) AND (CAST($3 AS TEXT) IS NULL OR e.kind = $3) \
         AND e.at >= $4 AND (e.at < $5 OR (e.at = $5 AND e.id < $6)) ORDER BY e.at DESC, e.id DESC LIMIT $7"
    ),
);
const LIST_UNCHAINED: Statement = Statement::new(
    "audit_event.list_unchained",
    "SELECT * FROM audit_event WHERE sequence IS NULL ORDER BY at, id LIMIT $1",
);
const LIST_CHAINED: Statement = Statement::new(
    "audit_event.list_chained",
    "SELECT * FROM audit_event WHERE sequence > $1 ORDER BY sequence, id LIMIT $2",
);
const COUNT_CHAINED: Statement = Statement::new(
    "audit_event.count_chained",
    "SELECT COUNT(*) AS rows_there FROM audit_event WHERE sequence > $1 AND sequence <= $2",
);
const COUNT_UNCHAINED: Statement = Statement::new(
    "audit_event.count_unchained",
    "SELECT COUNT(*) AS rows_there FROM audit_event WHERE sequence IS NULL",
);
const FIRST_SINCE: Statement = Statement::new(
    "audit_event.first_since",
    "SELECT MIN(sequence) AS sequence FROM audit_event WHERE at >= $1 AND sequence IS NOT NULL",
);
const SET_LINK: Statement = Statement::new(
    "audit_event.set_link",
    "UPDATE audit_event SET sequence = $2, hash = $3, mac = $4, person = $5, actor_person = $6 \
     WHERE id = $1 AND sequence IS NULL AND user_id IS NOT DISTINCT FROM $7 AND actor_user_id IS NOT DISTINCT FROM $8",
);
const FORGET_USER: Statement =
    Statement::new("audit_event.forget_user", "UPDATE audit_event SET person = $2, user_id = NULL WHERE user_id = $1");
const FORGET_ACTOR: Statement = Statement::new(
    "audit_event.forget_actor",
    "UPDATE audit_event SET actor_person = $2, actor_user_id = NULL WHERE actor_user_id = $1",
);
const FORGET_UNTIL: Statement =
    Statement::new("audit_event.forget_until", "DELETE FROM audit_event WHERE sequence > $1 AND sequence <= $2");

/// Where a row stands in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number, from 1, without gaps.
    pub sequence: i64,
    /// SHA-256 over the hash before and the row.
    pub hash: Vec<u8>,
    /// HMAC-SHA-256 of the hash.
    pub mac: Vec<u8>,
}

const LIST_PAGE: Statement = Statement::new(
    "audit_event.list_page",
    concat!(
        labelled!(),
        "WHERE e.at >= $1 AND ($2 = '' OR e.kind = $2) AND ($3 = '' OR e.user_id = $3) AND ($4 = '' OR e.client_id = $4) \
         AND (e.at < $5 OR (e.at = $5 AND e.id > $6)) AND e.at < $8 \
         AND ($9 = '' OR e.actor = $9 OR e.actor_user_id = $9 OR e.actor_client_id = $9) ORDER BY e.at DESC, e.id LIMIT $7"
    ),
);

/// Which events somebody wants to see; an empty text is no condition.
#[derive(Debug, Clone, Copy)]
pub struct AuditFilter<'a> {
    /// What happened.
    pub kind: &'a str,
    /// Whom it concerns.
    pub user_id: &'a str,
    /// Which client it concerns.
    pub client_id: &'a str,
    /// When, at the earliest.
    pub since: UnixSeconds,
    /// Before when.
    pub until: UnixSeconds,
    /// Who did it: a word of `audit::Actor`, the id of a user or of a client.
    pub actor: &'a str,
}

/// Where a page begins: behind the event that happened then and has that id.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// When it happened.
    pub at: UnixSeconds,
    /// Its id.
    pub id: &'a str,
}

impl Before<'_> {
    /// The first page.
    pub const NOTHING: Self = Self { at: UnixSeconds::MAX, id: "" };
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Unguessable id.
    pub id: String,
    /// When it happened.
    pub at: UnixSeconds,
    /// What happened; a word of `audit::AuditKind`.
    pub kind: String,
    /// Who did it; a word of `audit::Actor`.
    pub actor: Option<String>,
    /// Which user, if a user did it and was not erased.
    pub actor_user_id: Option<String>,
    /// The pseudonym of that user, once chained.
    pub actor_person: Option<String>,
    /// With which client, or which client did it by itself.
    pub actor_client_id: Option<String>,
    /// Whom it concerns, unless they were erased.
    pub user_id: Option<String>,
    /// The pseudonym of that user, once chained.
    pub person: Option<String>,
    /// Which client.
    pub client_id: Option<String>,
    /// Which grant.
    pub grant_id: Option<String>,
    /// What else it concerns: a resource, a key, an organization.
    pub target: Option<String>,
    /// Where the request came from, without the host part.
    pub address_block: Option<String>,
    /// A word or two more; never text from a request.
    pub detail: Option<String>,
    /// The request that did it, as logs and answers call it.
    pub request_id: Option<String>,
    /// Its place in the chain; `None` until a moment after it was written.
    pub link: Option<Link>,
}

/// A row with the names that its ids have today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledRow {
    /// The row.
    pub row: AuditRow,
    /// The e-mail address of the user it concerns.
    pub user_email: Option<String>,
    /// How the client calls itself.
    pub client_name: Option<String>,
    /// The e-mail address of who did it.
    pub actor_email: Option<String>,
    /// How the client calls itself with which, or which, did it.
    pub actor_client_name: Option<String>,
}

/// Which rows to list.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Only those that concern this user, or that this user caused.
    pub user_id: Option<&'a str>,
    /// Only those of this client.
    pub client_id: Option<&'a str>,
    /// Only those of this kind.
    pub kind: Option<&'a str>,
    /// Only those at or after.
    pub since: UnixSeconds,
    /// Only those before this time, or at it with a smaller id.
    pub before: (UnixSeconds, &'a str),
    /// At most so many.
    pub limit: i64,
}

/// Appends a row.
///
/// # Errors
/// The database does not answer.
pub async fn insert(tx: &mut Tx, row: &AuditRow) -> Result<(), StoreError> {
    let binds = binds![
        &row.id,
        row.at,
        &row.kind,
        row.user_id.as_deref(),
        row.client_id.as_deref(),
        row.grant_id.as_deref(),
        row.address_block.as_deref(),
        row.detail.as_deref(),
        row.actor.as_deref(),
        row.actor_user_id.as_deref(),
        row.actor_client_id.as_deref(),
        row.target.as_deref(),
        row.request_id.as_deref(),
    ];
    tx.execute(&INSERT, binds).await.map(drop)
}

/// The selected rows, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &mut impl Fetch, which: &Selection<'_>) -> Result<Vec<LabelledRow>, StoreError> {
    let (before, before_id) = which.before;
    let binds = binds![which.user_id, which.client_id, which.kind, which.since, before, before_id, which.limit];
    db.fetch_all(&LIST, binds).await?.iter().map(labelled).collect()
}

/// Rows that are not chained yet, the oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_unchained(db: &mut impl Fetch, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    db.fetch_all(&LIST_UNCHAINED, binds![limit]).await?.iter().map(read).collect()
}

/// Chained rows behind `sequence`, in the order of the chain.
///
/// # Errors
/// The database does not answer.
pub async fn list_chained(db: &mut impl Fetch, sequence: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    db.fetch_all(&LIST_CHAINED, binds![sequence, limit]).await?.iter().map(read).collect()
}

/// How many rows are chained behind `after`, up to `last`.
///
/// # Errors
/// The database does not answer.
pub async fn count_chained(db: &mut impl Fetch, after: i64, last: i64) -> Result<i64, StoreError> {
    let row = db.fetch_optional(&COUNT_CHAINED, binds![after, last]).await?;
    row.map_or(Ok(0), |row| row.get("rows_there"))
}

/// How many rows are not chained yet.
///
/// # Errors
/// The database does not answer.
pub async fn count_unchained(db: &mut impl Fetch) -> Result<i64, StoreError> {
    let row = db.fetch_optional(&COUNT_UNCHAINED, binds![]).await?;
    row.map_or(Ok(0), |row| row.get("rows_there"))
}

/// The first place in the chain of a row that is not older than `since`.
///
/// # Errors
/// The database does not answer.
pub async fn first_since(db: &mut impl Fetch, since: UnixSeconds) -> Result<Option<i64>, StoreError> {
    let row = db.fetch_optional(&FIRST_SINCE, binds![since]).await?;
    row.map_or(Ok(None), |row| row.get("sequence"))
}

/// Gives an unchained row, as it was read, its place and its pseudonyms; `false` when it was chained or a person in it erased meanwhile.
///
/// # Errors
/// The database does not answer.
pub async fn set_link(tx: &mut Tx, row: &AuditRow, link: &Link) -> Result<bool, StoreError> {
    let binds = binds![
        &row.id,
        link.sequence,
        &link.hash,
        &link.mac,
        row.person.as_deref(),
        row.actor_person.as_deref(),
        row.user_id.as_deref(),
        row.actor_user_id.as_deref(),
    ];
    Ok(tx.execute(&SET_LINK, binds).await? == 1)
}

/// Takes a user's id out of every row; what stays is the pseudonym `person`.
///
/// # Errors
/// The database does not answer.
pub async fn forget_user(tx: &mut Tx, user_id: &str, person: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_USER, binds![user_id, person]).await?;
    tx.execute(&FORGET_ACTOR, binds![user_id, person]).await.map(drop)
}

/// Deletes the chained rows behind `after`, up to `last`; returns how many there were.
///
/// # Errors
/// The database does not answer.
pub async fn forget_until(tx: &mut Tx, after: i64, last: i64) -> Result<u64, StoreError> {
    tx.execute(&FORGET_UNTIL, binds![after, last]).await
}

/// At most `limit` rows, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_page(
    db: &mut impl Fetch,
    filter: AuditFilter<'_>,
    before: Before<'_>,
    limit: i64,
) -> Result<Vec<LabelledRow>, StoreError> {
    let AuditFilter { kind, user_id, client_id, since, until, actor } = filter;
    let binds = binds![since, kind, user_id, client_id, before.at, before.id, limit, until, actor];
    db.fetch_all(&LIST_PAGE, binds).await?.iter().map(labelled).collect()
}

fn labelled(row: &Row) -> Result<LabelledRow, StoreError> {
    Ok(LabelledRow {
        user_email: row.get("user_email")?,
        client_name: row.get("client_name")?,
        actor_email: row.get("actor_email")?,
        actor_client_name: row.get("actor_client_name")?,
        row: read(row)?,
    })
}

fn read(row: &Row) -> Result<AuditRow, StoreError> {
    let sequence: Option<i64> = row.get("sequence")?;
    let (hash, mac) = (row.get::<Option<Vec<u8>>>("hash")?, row.get::<Option<Vec<u8>>>("mac")?);
    Ok(AuditRow {
        id: row.get("id")?,
        at: row.get("at")?,
        kind: row.get("kind")?,
        actor: row.get("actor")?,
        actor_user_id: row.get("actor_user_id")?,
        actor_person: row.get("actor_person")?,
        actor_client_id: row.get("actor_client_id")?,
        user_id: row.get("user_id")?,
        person: row.get("person")?,
        client_id: row.get("client_id")?,
        grant_id: row.get("grant_id")?,
        target: row.get("target")?,
        address_block: row.get("address_block")?,
        detail: row.get("detail")?,
        request_id: row.get("request_id")?,
        link: sequence.map(|sequence| Link { sequence, hash: hash.unwrap_or_default(), mac: mac.unwrap_or_default() }),
    })
}
