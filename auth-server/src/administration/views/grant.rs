//! A grant as shown.

use crate::store::grant_overview::GrantOverview;
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock::UnixSeconds;

/// What a user allowed a client.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Grant")]
pub struct GrantView {
    /// The claim `grant_id` of its tokens.
    pub id: String,
    /// Who allowed it.
    pub user_id: String,
    /// The e-mail address of who allowed it.
    pub user_email: String,
    /// Whom it was allowed to.
    pub client_id: String,
    /// What that client is called.
    pub client_name: String,
    /// What for.
    pub resource: String,
    /// What was allowed, separated by spaces.
    pub scope: String,
    /// The organization that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// What that organization is called in commands and paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_slug: Option<String>,
    /// When consent was given, in unix seconds.
    pub created_at: UnixSeconds,
    /// Its absolute end, in unix seconds.
    pub expires_at: UnixSeconds,
    /// When tokens were last taken with it, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<UnixSeconds>,
    /// When it was revoked, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<UnixSeconds>,
    /// Why it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_reason: Option<String>,
}

impl From<GrantOverview> for GrantView {
    fn from(grant: GrantOverview) -> Self {
        Self {
            id: grant.id,
            user_id: grant.user_id,
            user_email: grant.user,
            client_id: grant.client_id,
            client_name: grant.client_name,
            resource: grant.resource,
            scope: grant.scope,
            organization_id: grant.organization_id,
            organization_slug: grant.organization,
            created_at: grant.created_at,
            expires_at: grant.expires_at,
            last_used_at: grant.last_used_at,
            revoked_at: grant.revoked_at,
            revocation_reason: grant.revocation_reason,
        }
    }
}
