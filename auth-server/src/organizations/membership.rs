//! That somebody belongs to an organization, from its three sides.

use super::{Organization, OrganizationRole};
use crate::users::Email;
use shared::clock::UnixSeconds;

/// An organization, seen by somebody who belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization: Organization,
    /// What the user is in it.
    pub role: OrganizationRole,
}

/// Somebody who belongs to an organization, seen by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: String,
    /// The account's name.
    pub email: Email,
    /// What pages call them.
    pub display_name: String,
    /// What they are in it.
    pub role: OrganizationRole,
    /// Since when they belong to it.
    pub created_at: UnixSeconds,
    /// When the account was closed.
    pub disabled_at: Option<UnixSeconds>,
}

/// What a grant that chose an organization hangs by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantMembership {
    /// What the grant's user is in the organization.
    pub role: OrganizationRole,
    /// The organization's `tenant_id`.
    pub tenant_id: String,
    /// When the organization was closed.
    pub organization_disabled_at: Option<UnixSeconds>,
}
