//! Table `organization_member`: who belongs to which organization, as what.
//!
//! That an organization keeps an owner is decided here, by the predicates of [`change_role`], [`remove`] and
//! [`find_owned_alone`]: another open account owns it, or the member was no owner.

use super::{
    json_list::unreadable,
    organization::{self, organization_columns},
};
use crate::{
    organizations::{GrantMembership, Member, Membership, OrganizationRole},
    users::Email,
};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

/// Another open account than `user` owns `organization`; both are SQL.
macro_rules! another_owner {
    ($organization:literal, $user:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM organization_member w JOIN user_account u ON u.id = w.user_id WHERE w.organization_id = ",
            $organization,
            " AND w.user_id <> ",
            $user,
            " AND w.role = 'owner' AND u.disabled_at IS NULL)"
        )
    };
}

const INSERT: Statement = Statement::new(
    "organization_member.insert",
    "INSERT INTO organization_member (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (organization_id, user_id) DO NOTHING",
);
const FIND_ROLE: Statement = Statement::new(
    "organization_member.find_role",
    "SELECT role FROM organization_member WHERE organization_id = $1 AND user_id = $2",
);
const FIND: Statement = Statement::new(
    "organization_member.find",
    "SELECT m.role AS member_role, o.tenant_id, o.disabled_at AS organization_disabled_at \
     FROM organization_member m JOIN organization o ON o.id = m.organization_id \
     WHERE m.organization_id = $1 AND m.user_id = $2",
);
const CHANGE_ROLE: Statement = Statement::new(
    "organization_member.change_role",
    concat!(
        "UPDATE organization_member SET role = $4 WHERE organization_id = $1 AND user_id = $2 AND role = $3 \
         AND (role <> 'owner' OR ",
        another_owner!("$1", "$2"),
        ")"
    ),
);
const REMOVE: Statement = Statement::new(
    "organization_member.remove",
    concat!(
        "DELETE FROM organization_member WHERE organization_id = $1 AND user_id = $2 AND (role <> 'owner' OR ",
        another_owner!("$1", "$2"),
        ")"
    ),
);
const FIND_OWNED_ALONE: Statement = Statement::new(
    "organization_member.find_owned_alone",
    concat!(
        "SELECT o.slug FROM organization_member m JOIN organization o ON o.id = m.organization_id \
         WHERE m.user_id = $1 AND m.role = 'owner' AND o.disabled_at IS NULL AND NOT ",
        another_owner!("m.organization_id", "$1"),
        " ORDER BY o.slug LIMIT 1"
    ),
);
const FORGET_USER: Statement =
    Statement::new("organization_member.forget_user", "DELETE FROM organization_member WHERE user_id = $1");
const LIST: Statement = Statement::new(
    "organization_member.list",
    "SELECT m.user_id, m.role AS member_role, m.created_at, u.email, u.display_name, u.disabled_at \
     FROM organization_member m JOIN user_account u ON u.id = m.user_id \
     WHERE m.organization_id = $1 ORDER BY u.email_key LIMIT 10000",
);
const LIST_PAGE: Statement = Statement::new(
    "organization_member.list_page",
    "SELECT m.user_id, m.role AS member_role, m.created_at, u.email, u.display_name, u.disabled_at \
     FROM organization_member m JOIN user_account u ON u.id = m.user_id \
     WHERE m.organization_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3",
);
const FIND_MEMBER: Statement = Statement::new(
    "organization_member.find_member",
    "SELECT m.user_id, m.role AS member_role, m.created_at, u.email, u.display_name, u.disabled_at \
     FROM organization_member m JOIN user_account u ON u.id = m.user_id WHERE m.organization_id = $1 AND m.user_id = $2",
);
const LIST_OF_USER: Statement = Statement::new(
    "organization_member.list_of_user",
    concat!(
        "SELECT m.role AS member_role, ",
        organization_columns!(),
        " FROM organization_member m JOIN organization o ON o.id = m.organization_id \
         WHERE m.user_id = $1 AND o.disabled_at IS NULL ORDER BY o.slug LIMIT 1000"
    ),
);

/// Adds a member; `false` when the user belongs to it already.
///
/// # Errors
/// The database does not answer, or one of the two does not exist.
pub async fn insert(
    tx: &mut Tx,
    organization_id: &str,
    user_id: &str,
    role: OrganizationRole,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&INSERT, binds![organization_id, user_id, role.as_str(), now]).await? == 1)
}

/// What the user is in the organization, be it open or closed.
///
/// # Errors
/// The database does not answer.
pub async fn find_role(
    db: &mut impl Fetch,
    organization_id: &str,
    user_id: &str,
) -> Result<Option<OrganizationRole>, StoreError> {
    let row = db.fetch_optional(&FIND_ROLE, binds![organization_id, user_id]).await?;
    row.map(|row| role(&row.get::<String>("role")?)).transpose()
}

/// What a grant of this user for this organization hangs by.
///
/// # Errors
/// The database does not answer.
pub async fn find(
    db: &mut impl Fetch,
    organization_id: &str,
    user_id: &str,
) -> Result<Option<GrantMembership>, StoreError> {
    match db.fetch_optional(&FIND, binds![organization_id, user_id]).await? {
        Some(row) => read_grant_membership(&row),
        None => Ok(None),
    }
}

/// Replaces the first of `roles` by the second. `false`: the member does not have the first, or is the last owner.
///
/// # Errors
/// The database does not answer.
pub async fn change_role(
    tx: &mut Tx,
    organization_id: &str,
    user_id: &str,
    roles: (OrganizationRole, OrganizationRole),
) -> Result<bool, StoreError> {
    let (before, after) = roles;
    Ok(tx.execute(&CHANGE_ROLE, binds![organization_id, user_id, before.as_str(), after.as_str()]).await? == 1)
}

/// Removes a member. `false`: there is none, or it is the last owner.
///
/// # Errors
/// The database does not answer.
pub async fn remove(tx: &mut Tx, organization_id: &str, user_id: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE, binds![organization_id, user_id]).await? == 1)
}

/// Ends every membership of a user who was erased, also as the last owner.
///
/// # Errors
/// The database does not answer.
pub async fn forget_user(tx: &mut Tx, user_id: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET_USER, binds![user_id]).await.map(drop)
}

/// The slug of an open organization that no other open account owns; the first, if there are several.
///
/// # Errors
/// The database does not answer.
pub async fn find_owned_alone(db: &mut impl Fetch, user_id: &str) -> Result<Option<String>, StoreError> {
    db.fetch_optional(&FIND_OWNED_ALONE, binds![user_id]).await?.map(|row| row.get("slug")).transpose()
}

/// Who belongs to the organization, by e-mail address; accounts that are closed too.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &mut impl Fetch, organization_id: &str) -> Result<Vec<Member>, StoreError> {
    db.fetch_all(&LIST, binds![organization_id]).await?.iter().map(member).collect()
}

/// At most `limit` of those who belong to the organization, by user id, after the id `after` (empty for the first page).
///
/// # Errors
/// The database does not answer.
pub async fn list_page(
    db: &mut impl Fetch,
    organization_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Member>, StoreError> {
    db.fetch_all(&LIST_PAGE, binds![organization_id, after, limit]).await?.iter().map(member).collect()
}

/// One who belongs to the organization.
///
/// # Errors
/// The database does not answer.
pub async fn find_member(
    db: &mut impl Fetch,
    organization_id: &str,
    user_id: &str,
) -> Result<Option<Member>, StoreError> {
    db.fetch_optional(&FIND_MEMBER, binds![organization_id, user_id]).await?.as_ref().map(member).transpose()
}

/// The open organizations that the user belongs to, by slug.
///
/// # Errors
/// The database does not answer.
pub async fn list_of_user(db: &mut impl Fetch, user_id: &str) -> Result<Vec<Membership>, StoreError> {
    let membership = |row: &Row| {
        Ok(Membership { organization: organization::read(row)?, role: role(&row.get::<String>("member_role")?)? })
    };
    db.fetch_all(&LIST_OF_USER, binds![user_id]).await?.iter().map(membership).collect()
}

/// Reads what a grant hangs by out of a row with `member_role`, `tenant_id` and `organization_disabled_at`; `None` when they are
/// null because nothing was joined.
pub(super) fn read_grant_membership(row: &Row) -> Result<Option<GrantMembership>, StoreError> {
    let Some(word) = row.get::<Option<String>>("member_role")? else { return Ok(None) };
    Ok(Some(GrantMembership {
        role: role(&word)?,
        tenant_id: row.get("tenant_id")?,
        organization_disabled_at: row.get("organization_disabled_at")?,
    }))
}

fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        user_id: row.get("user_id")?,
        email: Email::stored(row.get("email")?),
        display_name: row.get("display_name")?,
        role: role(&row.get::<String>("member_role")?)?,
        created_at: row.get("created_at")?,
        disabled_at: row.get("disabled_at")?,
    })
}

fn role(word: &str) -> Result<OrganizationRole, StoreError> {
    OrganizationRole::parse(word).ok_or_else(|| unreadable("role", &word))
}
