//! The limit of a single tool, where the operator set one. It is counted for each principal, once the policy has let the call through: a call
//! that is refused for another reason costs nothing of it.

use super::{
    Caller, Pipeline,
    count_requests::{PRINCIPAL_LIMIT, refuse_over_limit},
};
use crate::{
    refusal::{Limit, Refusal},
    upstreams::Message,
};
use http::HeaderMap;
use shared::{clock::UnixSeconds, http::set_rate_limit_headers, rate_limit::RateDecision};

/// What counts the calls of one tool by one principal.
const TOOL_BUCKET: &str = "mcp-tool";
/// How the headers call that limit.
const TOOL_LIMIT: &str = "tool";

/// What the limits said that a request was counted under.
pub(super) struct Rates {
    pub(super) principal: RateDecision,
    /// That of the tool with the fewest calls left.
    pub(super) tool: Option<RateDecision>,
}

impl Rates {
    /// Tells the caller.
    pub(super) fn tell(&self, headers: &mut HeaderMap, now: UnixSeconds) {
        let principal = (PRINCIPAL_LIMIT, self.principal);
        match self.tool {
            Some(tool) => set_rate_limit_headers(headers, &[principal, (TOOL_LIMIT, tool)], now),
            None => set_rate_limit_headers(headers, &[principal], now),
        }
    }
}

impl Pipeline {
    /// One more call of a tool, if its calls are counted.
    pub(super) async fn count_call(
        &self,
        caller: &Caller,
        message: &Message,
        rates: &mut Rates,
    ) -> Result<(), Refusal> {
        let Some(envelope) = message.envelope.as_ref().filter(|_| !self.tool_limits.is_empty()) else { return Ok(()) };
        let tool = envelope.params.name.as_deref().filter(|_| &*envelope.method == "tools/call");
        let Some((tool, limit)) = tool.and_then(|tool| Some((tool, *self.tool_limits.get(tool)?))) else {
            return Ok(());
        };
        let key = format!("{}:{tool}", caller.identified.token.share.counter);
        let counted = self.rate_limiter.check(TOOL_BUCKET, &key, limit).await.map_err(|cause| {
            tracing::error!(%cause, "calls of a tool cannot be counted");
            Refusal::Unavailable
        })?;
        if rates.tool.is_none_or(|tightest| counted.remaining <= tightest.remaining) {
            rates.tool = Some(counted);
        }
        refuse_over_limit(&counted, Limit::Tool)
    }
}
