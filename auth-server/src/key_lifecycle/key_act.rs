//! What acts on keys are done with.

use crate::audit::{Actor, AuditEvent, AuditKind};
use shared::{clock::UnixSeconds, db::Store, random::Random, sealing::Sealing};

/// Who acts on keys, where and when. The rules of this room take it, whoever calls them: a job, a command, the administration interface.
#[derive(Clone, Copy)]
pub struct KeyAct<'a> {
    /// Where keys are kept.
    pub store: &'a Store,
    /// What seals them.
    pub sealing: &'a Sealing,
    /// Randomness, for ids.
    pub random: &'a dyn Random,
    /// On whose behalf.
    pub by: &'a Actor,
    /// When.
    pub now: UnixSeconds,
}

impl KeyAct<'_> {
    /// The event that tells of this act.
    pub(super) fn event(&self, kind: AuditKind) -> AuditEvent {
        AuditEvent::new(kind, self.random, self.now).by(self.by)
    }
}
