//! Who the user of a grant is now: read beside the grant, in the statement that finds it.

use super::{json_list, organization_member::read_grant_membership};
use crate::organizations::{GrantMembership, Standing};
use shared::{
    clock::UnixSeconds,
    db::{Row, StoreError},
};

/// The columns that [`read`] reads, of what [`holder_joins`] joins.
macro_rules! holder_columns {
    () => {
        "u.roles AS user_roles, u.disabled_at AS user_disabled_at, m.role AS member_role, o.tenant_id, \
         o.disabled_at AS organization_disabled_at"
    };
}
pub(super) use holder_columns;

/// The user of the grant `g`, and what joins the user to the organization that the grant chose.
macro_rules! holder_joins {
    () => {
        "JOIN user_account u ON u.id = g.user_id \
         LEFT JOIN organization o ON o.id = g.organization_id \
         LEFT JOIN organization_member m ON m.organization_id = g.organization_id AND m.user_id = g.user_id"
    };
}
pub(super) use holder_joins;

/// The user of a grant as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantHolder {
    /// Roles of the installation.
    pub roles: Vec<String>,
    /// When the account was closed.
    pub disabled_at: Option<UnixSeconds>,
    /// What the user is in the organization that the grant chose.
    pub membership: Option<GrantMembership>,
}

impl GrantHolder {
    /// Who the user is for a grant that chose `organization_id`. `None`: the account or the organization is closed, or the user does not
    /// belong to it any more.
    pub fn standing(&self, organization_id: Option<&str>) -> Option<Standing> {
        let is_open = self.disabled_at.is_none();
        is_open.then(|| Standing::of_grant(&self.roles, organization_id, self.membership.as_ref())).flatten()
    }
}

pub(super) fn read(row: &Row) -> Result<GrantHolder, StoreError> {
    Ok(GrantHolder {
        roles: json_list::read(row, "user_roles")?,
        disabled_at: row.get("user_disabled_at")?,
        membership: read_grant_membership(row)?,
    })
}
