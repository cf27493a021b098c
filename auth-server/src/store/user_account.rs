//! `user_account`: who may sign in.

use super::json_list;
use crate::users::{Email, User};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

/// A user with what only sign-in may see.
pub struct Account {
    /// The user.
    pub user: User,
    /// The PHC string of the password; `None` until one was chosen.
    pub password_hash: Option<String>,
}

/// What userinfo tells of a user.
pub struct Profile {
    /// The user.
    pub user: User,
    /// When name or address last changed.
    pub updated_at: UnixSeconds,
}

/// A user as an administrator sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The user.
    pub user: User,
    /// Whether a password was ever chosen.
    pub has_password: bool,
    /// When it was chosen last.
    pub password_changed_at: Option<UnixSeconds>,
    /// When the account was made.
    pub created_at: UnixSeconds,
}

/// Which users an administrator wants to see; an empty text is no condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserFilter<'a> {
    /// The key of the e-mail address.
    pub email_key: &'a str,
    /// `active` or `disabled`.
    pub state: &'a str,
}

const INSERT: Statement = Statement::new(
    "user_account.insert",
    "INSERT INTO user_account (id, email, email_key, display_name, roles, password_hash, password_changed_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email_key) DO NOTHING",
);
const FIND: Statement = Statement::new(
    "user_account.find",
    "SELECT id, email, display_name, roles, password_hash, disabled_at FROM user_account WHERE id = $1",
);
const FIND_PROFILE: Statement = Statement::new(
    "user_account.find_profile",
    "SELECT id, email, display_name, roles, password_hash, disabled_at, \
     COALESCE(profile_updated_at, created_at) AS updated_at FROM user_account WHERE id = $1",
);
const FIND_BY_EMAIL: Statement = Statement::new(
    "user_account.find_by_email",
    "SELECT id, email, display_name, roles, password_hash, disabled_at FROM user_account WHERE email_key = $1",
);
/// Another open account than `$1`, one that can sign in, administers this installation. The roles are a JSON list of our own words, so a quoted word is a role.
macro_rules! another_administrator {
    () => {
        "EXISTS (SELECT 1 FROM user_account a WHERE a.id <> $1 AND a.disabled_at IS NULL \
         AND a.password_hash IS NOT NULL AND a.roles LIKE '%\"administrator\"%')"
    };
}

const FIND_RECORD: Statement = Statement::new(
    "user_account.find_record",
    "SELECT id, email, display_name, roles, password_hash, password_changed_at, created_at, disabled_at FROM user_account WHERE id = $1",
);
const LIST_PAGE: Statement = Statement::new(
    "user_account.list_page",
    "SELECT id, email, display_name, roles, password_hash, password_changed_at, created_at, disabled_at FROM user_account \
     WHERE email_key > COALESCE((SELECT email_key FROM user_account WHERE id = $1), '') AND ($2 = '' OR email_key = $2) \
     AND ($3 = '' OR ($3 = 'active' AND disabled_at IS NULL) OR ($3 = 'disabled' AND disabled_at IS NOT NULL)) \
     ORDER BY email_key LIMIT $4",
);
const RENAME: Statement = Statement::new(
    "user_account.rename",
    "UPDATE user_account SET display_name = $2, profile_updated_at = $3 WHERE id = $1",
);
const DISABLE: Statement = Statement::new(
    "user_account.disable",
    concat!(
        "UPDATE user_account SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL \
         AND (roles NOT LIKE '%\"administrator\"%' OR ",
        another_administrator!(),
        ")"
    ),
);
const ENABLE: Statement = Statement::new(
    "user_account.enable",
    "UPDATE user_account SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL AND erased_at IS NULL",
);
const ADD_ADMINISTRATOR: Statement = Statement::new(
    "user_account.add_administrator",
    "UPDATE user_account SET roles = $2 WHERE id = $1 AND roles NOT LIKE '%\"administrator\"%'",
);
const REMOVE_ADMINISTRATOR: Statement = Statement::new(
    "user_account.remove_administrator",
    concat!(
        "UPDATE user_account SET roles = $2 WHERE id = $1 AND roles LIKE '%\"administrator\"%' \
         AND (disabled_at IS NOT NULL OR ",
        another_administrator!(),
        ")"
    ),
);
const ERASE: Statement = Statement::new(
    "user_account.erase",
    concat!(
        "UPDATE user_account SET email = $2, email_key = $2, display_name = '', roles = '[]', password_hash = NULL, \
         password_changed_at = NULL, disabled_at = COALESCE(disabled_at, $3), erased_at = $3 \
         WHERE id = $1 AND erased_at IS NULL \
         AND (disabled_at IS NOT NULL OR roles NOT LIKE '%\"administrator\"%' OR ",
        another_administrator!(),
        ")"
    ),
);
const IS_ERASED: Statement =
    Statement::new("user_account.is_erased", "SELECT id FROM user_account WHERE id = $1 AND erased_at IS NOT NULL");
const SET_PASSWORD: Statement = Statement::new(
    "user_account.set_password",
    "UPDATE user_account SET password_hash = $2, password_changed_at = $3 WHERE id = $1 AND disabled_at IS NULL",
);
const REPLACE_PASSWORD: Statement = Statement::new(
    "user_account.replace_password",
    "UPDATE user_account SET password_hash = $3, password_changed_at = $4 \
     WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
);
const HAS_PASSWORD: Statement = Statement::new(
    "user_account.has_password",
    "SELECT id FROM user_account WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
);
const REHASH_PASSWORD: Statement = Statement::new(
    "user_account.rehash_password",
    "UPDATE user_account SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
);

/// Adds `user`, unless somebody has this e-mail address already (then `false`). `password_hash` is a PHC string.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    user: &User,
    password_hash: Option<&str>,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let binds = binds![
        user.id.as_str(),
        user.email.as_str(),
        user.email.key(),
        user.display_name.as_str(),
        serde_json::to_string(&user.roles).expect("a list of words is JSON"),
        password_hash,
        password_hash.map(|_| now),
        now
    ];
    Ok(tx.execute(&INSERT, binds).await? == 1)
}

/// The user with this id, also a disabled one.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find(db: &mut impl Fetch, id: &str) -> Result<Option<User>, StoreError> {
    let row = db.fetch_optional(&FIND, binds![id]).await?;
    Ok(row.as_ref().map(read).transpose()?.map(|account| account.user))
}

/// The user with this id, also a disabled one, and when what is shown of them last changed.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_profile(db: &mut impl Fetch, id: &str) -> Result<Option<Profile>, StoreError> {
    let Some(row) = db.fetch_optional(&FIND_PROFILE, binds![id]).await? else { return Ok(None) };
    Ok(Some(Profile { user: read(&row)?.user, updated_at: row.get("updated_at")? }))
}

/// The account with this id, also a disabled one.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_account(db: &mut impl Fetch, id: &str) -> Result<Option<Account>, StoreError> {
    let row = db.fetch_optional(&FIND, binds![id]).await?;
    row.as_ref().map(read).transpose()
}

/// The account with this e-mail address, whatever its case.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_by_email(db: &mut impl Fetch, email: &Email) -> Result<Option<Account>, StoreError> {
    let row = db.fetch_optional(&FIND_BY_EMAIL, binds![email.key()]).await?;
    row.as_ref().map(read).transpose()
}

/// The user with this id, also a disabled one, with what an administrator may know.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_record(db: &mut impl Fetch, id: &str) -> Result<Option<UserRecord>, StoreError> {
    db.fetch_optional(&FIND_RECORD, binds![id]).await?.as_ref().map(record).transpose()
}

/// At most `limit` users by e-mail address, after the user with the id `after` (empty for the first page).
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn list_page(
    db: &mut impl Fetch,
    filter: UserFilter<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<UserRecord>, StoreError> {
    db.fetch_all(&LIST_PAGE, binds![after, filter.email_key, filter.state, limit]).await?.iter().map(record).collect()
}

/// Replaces what pages call the user.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn rename(tx: &mut Tx, id: &str, display_name: &str, now: UnixSeconds) -> Result<(), StoreError> {
    tx.execute(&RENAME, binds![id, display_name, now]).await.map(drop)
}

/// Closes the account; `false` when it does not exist, was closed before, or is the last one that administers the installation.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn disable(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&DISABLE, binds![id, now]).await? == 1)
}

/// Opens a closed account again; `false` when there is no such closed one.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn enable(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&ENABLE, binds![id]).await? == 1)
}

/// Gives an account that does not administer the installation the roles of one that does; `false` when there is none.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn add_administrator(tx: &mut Tx, id: &str, roles: &[String]) -> Result<bool, StoreError> {
    Ok(tx.execute(&ADD_ADMINISTRATOR, binds![id, json_list::write(roles)]).await? == 1)
}

/// Gives an account that administers the installation the roles of one that does not; `false` when there is none, or no
/// other open account administers it.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn remove_administrator(tx: &mut Tx, id: &str, roles: &[String]) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE_ADMINISTRATOR, binds![id, json_list::write(roles)]).await? == 1)
}

/// Takes everything personal out of the account, which stays closed under `address`, a stand-in that cannot receive mail; `false` when it does not
/// exist, was erased before, or is the last open one that administers the installation.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn erase(tx: &mut Tx, id: &str, address: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&ERASE, binds![id, address, now]).await? == 1)
}

/// Whether the account was erased.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn is_erased(db: &mut impl Fetch, id: &str) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&IS_ERASED, binds![id]).await?.is_some())
}

/// Replaces the password of an account that is not closed; `false` when there is none.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn set_password(tx: &mut Tx, id: &str, hash: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_PASSWORD, binds![id, hash, now]).await? == 1)
}

/// Replaces the password `old` of an account that is not closed; `false` when it has another one by now.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn replace_password(
    tx: &mut Tx,
    id: &str,
    old: &str,
    new: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&REPLACE_PASSWORD, binds![id, old, new, now]).await? == 1)
}

/// Whether the account is open and its password is stored as `hash`.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn has_password(db: &mut impl Fetch, id: &str, hash: &str) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&HAS_PASSWORD, binds![id, hash]).await?.is_some())
}

/// Stores the same password under newer parameters, unless it was changed meanwhile.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn rehash_password(tx: &mut Tx, id: &str, old: &str, new: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&REHASH_PASSWORD, binds![id, old, new]).await? == 1)
}

fn record(row: &Row) -> Result<UserRecord, StoreError> {
    let account = read(row)?;
    Ok(UserRecord {
        user: account.user,
        has_password: account.password_hash.is_some(),
        password_changed_at: row.get("password_changed_at")?,
        created_at: row.get("created_at")?,
    })
}

fn read(row: &Row) -> Result<Account, StoreError> {
    let user = User {
        id: row.get("id")?,
        email: Email::stored(row.get("email")?),
        display_name: row.get("display_name")?,
        // A list that does not read is a user without any role: the least, not an error that locks everybody out.
        roles: serde_json::from_str(&row.get::<String>("roles")?).unwrap_or_default(),
        disabled_at: row.get("disabled_at")?,
    };
    Ok(Account { user, password_hash: row.get("password_hash")? })
}
