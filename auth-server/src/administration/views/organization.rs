//! Organizations and their members as shown.

use crate::organizations::{Member, Organization};
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock::UnixSeconds;

/// People who use resources together.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
pub struct OrganizationView {
    /// The claim `organization_id` of tokens.
    pub id: String,
    /// Its name in commands and paths.
    pub slug: String,
    /// Its name, for people.
    pub name: String,
    /// The claim `tenant_id` of tokens.
    pub tenant_id: String,
    /// Whether it is `active` or `disabled`.
    pub state: &'static str,
    /// When it was made, in unix seconds.
    pub created_at: UnixSeconds,
    /// When it was disabled, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<UnixSeconds>,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        Self {
            state: if organization.is_active() { "active" } else { "disabled" },
            id: organization.id,
            slug: organization.slug,
            name: organization.name,
            tenant_id: organization.tenant_id,
            created_at: organization.created_at,
            disabled_at: organization.disabled_at,
        }
    }
}

/// Somebody who belongs to an organization.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    /// Who.
    pub user_id: String,
    /// What names the account.
    pub email: String,
    /// What pages call the person.
    pub display_name: String,
    /// What the user is in the organization: `member`, `admin` or `owner`.
    pub role: &'static str,
    /// Whether the account is `active` or `disabled`.
    pub state: &'static str,
    /// Since when the user belongs to it, in unix seconds.
    pub created_at: UnixSeconds,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            state: if member.disabled_at.is_none() { "active" } else { "disabled" },
            user_id: member.user_id,
            email: member.email.as_str().to_owned(),
            display_name: member.display_name,
            role: member.role.as_str(),
            created_at: member.created_at,
        }
    }
}
