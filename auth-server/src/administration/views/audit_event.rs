//! An audit event as shown.

use crate::{audit::actor::in_words, store::audit_event::AuditRow};
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock::UnixSeconds;

/// Something that happened, by pseudonymous ids.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEvent")]
pub struct AuditEventView {
    /// Its id.
    pub id: String,
    /// When it happened, in unix seconds.
    pub at: UnixSeconds,
    /// What happened.
    pub kind: String,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Which user it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Which client it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Which grant it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// Where the request came from, without the host part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_block: Option<String>,
    /// A word or two more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<AuditRow> for AuditEventView {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: row
                .actor
                .map(|actor| in_words(&actor, row.actor_user_id.as_deref(), row.actor_client_id.as_deref())),
            user_id: row.user_id,
            client_id: row.client_id,
            grant_id: row.grant_id,
            address_block: row.address_block,
            detail: row.detail,
        }
    }
}
