//! What must hold of what a message asks: its scopes, and the revocation of its token where it may change something.

use super::{Caller, Pipeline};
use crate::{
    identification::check_revocation::Trust,
    policy::rule_message::{Ruling, rule},
    refusal::{Refusal, insufficient_scope_error},
    upstreams::Message,
};

impl Pipeline {
    /// What must hold of every message, alone or in a batch. Whether it is the list of tools, which is answered here.
    pub(super) fn judge(&self, caller: &Caller, message: &Message) -> Result<bool, Refusal> {
        let lists_tools = self.check_policy(caller, message)?;
        self.check_asked(message)?;
        Ok(lists_tools)
    }

    fn check_policy(&self, caller: &Caller, message: &Message) -> Result<bool, Refusal> {
        let Some(envelope) = &message.envelope else {
            // GET and DELETE of a session name no operation.
            return if caller.trust == Trust::Full { Ok(false) } else { Err(Refusal::Unavailable) };
        };
        match rule(&self.policy, &caller.identified.token.principal, envelope, message.era) {
            Ruling::ListTools => Ok(true),
            Ruling::Forward { read_only } if read_only || caller.trust == Trust::Full => Ok(false),
            Ruling::Forward { .. } => Err(Refusal::Unavailable),
            Ruling::NeedsScopes(needed) => {
                let error = insufficient_scope_error(&needed).answering(envelope.id());
                Err(Refusal::InsufficientScope { needed, error })
            }
            Ruling::Refuse(error) => Err(Refusal::Protocol(error)),
        }
    }
}
