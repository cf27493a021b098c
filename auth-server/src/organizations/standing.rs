//! Who a user is for one grant.

use super::{GrantMembership, Membership, role::effective_roles};
use crate::users::User;

/// The roles that count and the organization that was chosen: what [`grantable`](crate::resources::grantable) sees and tokens say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The roles that count; sorted, without duplicates.
    pub roles: Vec<String>,
    /// The organization that the grant chose.
    pub organization: Option<ChosenOrganization>,
}

/// An organization as tokens name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenOrganization {
    /// `organization_id`.
    pub id: String,
    /// `tenant_id`.
    pub tenant_id: String,
}

impl Standing {
    /// Who `user` is with this membership, or without any.
    pub fn of(user: &User, membership: Option<&Membership>) -> Self {
        let organization = membership.map(|membership| ChosenOrganization {
            id: membership.organization.id.clone(),
            tenant_id: membership.organization.tenant_id.clone(),
        });
        Self { roles: effective_roles(&user.roles, membership.map(|membership| membership.role)), organization }
    }

    /// Who a user with these roles of the installation is for a grant that chose `organization_id` and hangs by `membership`.
    /// `None`: the grant chose an organization that is closed, or that the user does not belong to any more.
    pub fn of_grant(
        installation_roles: &[String],
        organization_id: Option<&str>,
        membership: Option<&GrantMembership>,
    ) -> Option<Self> {
        let Some(id) = organization_id else {
            return Some(Self { roles: effective_roles(installation_roles, None), organization: None });
        };
        let membership = membership.filter(|membership| membership.organization_disabled_at.is_none())?;
        let organization = ChosenOrganization { id: id.to_owned(), tenant_id: membership.tenant_id.clone() };
        let roles = effective_roles(installation_roles, Some(membership.role));
        Some(Self { roles, organization: Some(organization) })
    }

    /// The id of the organization that was chosen.
    pub fn organization_id(&self) -> Option<&str> {
        self.organization.as_ref().map(|organization| organization.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;
    use crate::organizations::{GrantMembership, OrganizationRole};

    fn of(organization: Option<&str>, membership: Option<(OrganizationRole, Option<i64>)>) -> Option<(String, String)> {
        let membership = membership.map(|(role, organization_disabled_at)| GrantMembership {
            role,
            tenant_id: "tenant".to_owned(),
            organization_disabled_at,
        });
        let standing = Standing::of_grant(&["member".to_owned()], organization, membership.as_ref())?;
        let chosen = standing.organization.map(|chosen| format!("{} {}", chosen.id, chosen.tenant_id));
        Some((standing.roles.join(" "), chosen.unwrap_or_default()))
    }

    #[test]
    fn a_grant_stands_with_its_membership_and_its_organization() {
        let owner = Some((OrganizationRole::Owner, None));
        let words = |roles: &str, chosen: &str| Some((roles.to_owned(), chosen.to_owned()));
        assert_eq!(of(Some("acme"), owner), words("admin member owner", "acme tenant"));
        assert_eq!(of(None, None), words("member", ""));
        assert_eq!(of(None, owner), words("member", ""), "roles count only where they were chosen");
        assert_eq!(of(Some("acme"), None), None);
        assert_eq!(of(Some("acme"), Some((OrganizationRole::Owner, Some(1)))), None);
    }
}
