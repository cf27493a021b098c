//! An audit event as shown.

use crate::{
    administration::page::Page,
    audit::{
        actor::in_words,
        export_events::{EventLine, Span},
        verify_chain::{Break, Intact},
    },
    store::audit_event::LabelledRow,
};
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
    /// The id of the user who did it, if one did and was not erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_user_id: Option<String>,
    /// The id of the client with which, or which, it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_client_id: Option<String>,
    /// What whoever did it is called today: a person's e-mail address, else the name of a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// Which user it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The e-mail address of that user today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_email: Option<String>,
    /// Which client it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What that client is called today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Which grant it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// What else it concerns: a resource, a key, an organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Where the request came from, without the host part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_block: Option<String>,
    /// A word or two more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request that did it, as logs and answers call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Its place in the chain; absent until a moment after it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// The pseudonym of the user it concerned, who was erased: for tables.
    #[serde(skip)]
    pub person: Option<String>,
}

impl From<LabelledRow> for AuditEventView {
    fn from(labelled: LabelledRow) -> Self {
        let LabelledRow { row, user_email, client_name, actor_email, actor_client_name } = labelled;
        Self {
            actor_name: actor_email.or(actor_client_name),
            user_email,
            client_name,
            person: row.person,
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: row
                .actor
                .map(|actor| in_words(&actor, row.actor_user_id.as_deref(), row.actor_client_id.as_deref())),
            actor_user_id: row.actor_user_id,
            actor_client_id: row.actor_client_id,
            user_id: row.user_id,
            client_id: row.client_id,
            grant_id: row.grant_id,
            target: row.target,
            address_block: row.address_block,
            detail: row.detail,
            request_id: row.request_id,
            sequence: row.link.map(|link| link.sequence),
        }
    }
}

/// A page of the chain.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditExport")]
pub struct AuditExportView {
    /// Where it begins, and where the chain ends.
    #[serde(flatten)]
    pub span: Span,
    /// The events.
    #[serde(flatten)]
    pub page: Page<EventLine>,
}

/// What a verification found.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "AuditVerdict")]
pub struct AuditVerdictView {
    /// Whether every event is as it was chained.
    pub intact: bool,
    /// The first event that is kept, if all are intact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_sequence: Option<i64>,
    /// How many events were verified, if all are intact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// The end of the chain, to be noted elsewhere, if all are intact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// How many events wait to be chained, if all are intact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchained: Option<i64>,
    /// Where the chain is broken first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<i64>,
    /// What is wrong there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl From<Result<Intact, Break>> for AuditVerdictView {
    fn from(found: Result<Intact, Break>) -> Self {
        match found {
            Ok(intact) => Self {
                intact: true,
                first_sequence: Some(intact.first_sequence),
                rows: Some(intact.rows),
                checkpoint: Some(intact.checkpoint.to_string()),
                unchained: Some(intact.unchained),
                ..Self::default()
            },
            Err(found) => Self { broken_at: Some(found.sequence), problem: Some(found.to_string()), ..Self::default() },
        }
    }
}
