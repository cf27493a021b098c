//! What every MCP request goes through, in this order: `handle`, and what it calls here, is the list. Each step has a file of its own.

mod answer;
mod check_policy;
mod check_session;
mod count_call;
mod count_requests;
mod identify_caller;
mod keep_session;
mod limits;
mod metrics;
mod read_message;
mod serve_batch;
mod settle_doubt;
mod step_up;
mod take_place;

use crate::{
    bearer::{revocations::Revocations, signature_budget::SignatureBudgets},
    identification::{
        check_revocation::{Doubt, Trust, check_revocation},
        identify::{Identified, Identify},
    },
    issuer::introspection::Introspection,
    mcp::{
        endpoint_methods,
        host_and_origin::{Foreign, HostAndOrigin},
        request_id::RequestId,
        sessions::Sessions,
        tools_list::ToolsList,
    },
    policy::scope_policy::ScopePolicy,
    refusal::{Limit, Refusal, RefusalWriter},
    upstreams::{Message, Upstream},
};
use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, request::Parts};
use shared::{
    clock::{SharedClock, UnixSeconds},
    http::set_rate_limit_headers,
    rate_limit::{FailureBudget, RateLimiter},
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use count_call::Rates;
use count_requests::refuse_over_limit;
pub use identify_caller::UNTRIED_AFTER;
pub use limits::{PipelineLimits, ToolLimits, tool_limits};
pub use metrics::PipelineMetrics;
use read_message::Incoming;
use settle_doubt::refuse_distrusted;
pub use step_up::StepUps;

/// How the headers call the limit of tokens that were never ours.
const FORGED_LIMIT: &str = "forged-tokens";

/// One MCP endpoint with everything it needs.
pub struct Pipeline {
    /// Read once a request.
    pub clock: SharedClock,
    /// Who may call from where.
    pub host_and_origin: Arc<HostAndOrigin>,
    /// Who calls.
    pub identify: Identify,
    /// What is revoked.
    pub revocations: Arc<Revocations>,
    /// Asks our own issuer, where there is one, when that cannot be known.
    pub introspection: Option<Arc<Introspection>>,
    /// Tokens that were never ours, by block of addresses.
    pub failures: FailureBudget,
    /// Wrong signatures, by block of addresses.
    pub signatures: Arc<SignatureBudgets>,
    /// Requests of a principal.
    pub rate_limiter: RateLimiter,
    /// The numbers.
    pub limits: PipelineLimits,
    /// Those of single tools.
    pub tool_limits: ToolLimits,
    /// Which scopes an operation needs.
    pub policy: ScopePolicy,
    /// How the list of tools begins.
    pub tools_list: ToolsList,
    /// What calls hear that need more.
    pub step_ups: StepUps,
    /// Legacy sessions, where they are on.
    pub sessions: Option<Sessions>,
    /// What answers.
    pub upstream: Arc<dyn Upstream>,
    /// How refusals are said.
    pub refusals: RefusalWriter,
    /// What is counted.
    pub metrics: PipelineMetrics,
    /// Ends the streams that listen.
    pub stop: CancellationToken,
}

/// A caller with a good token that may use it.
#[derive(Debug, Clone)]
struct Caller {
    identified: Identified,
    trust: Trust,
}

impl Pipeline {
    /// Answers one request of the MCP endpoint. CORS has been there before.
    pub async fn handle(self: &Arc<Self>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let now = self.clock.now();
        let (mut caller, doubt) = match self.admit(&parts, now).await {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse_at_the_door(&parts.headers, &refusal, now),
        };
        let principal = match self.count_requests(&caller, 1).await {
            Ok(principal) => principal,
            Err(refusal) => return self.refusals.write_to(&parts.headers, &refusal),
        };
        let mut rates = Rates { principal, tool: None };
        let served = match refuse_over_limit(&principal, Limit::Requests) {
            Ok(()) => match self.settle_doubt(doubt, &mut caller, &parts).await {
                Ok(()) => self.serve(&caller, &parts, body, &mut rates, now).await,
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        let mut response = served.unwrap_or_else(|refusal| self.refusals.write_to(&parts.headers, &refusal));
        let mut headers = emptied(parts.headers);
        headers.extend(std::mem::take(response.headers_mut()));
        rates.tell(&mut headers, now);
        *response.headers_mut() = headers;
        response
    }

    /// Refuses a request without a caller to count it for.
    fn refuse_at_the_door(&self, request: &HeaderMap, refusal: &Refusal, now: UnixSeconds) -> Response {
        let mut response = self.refusals.write_to(request, refusal);
        if let Refusal::TooManyFailures { counted } = refusal {
            set_rate_limit_headers(response.headers_mut(), &[(FORGED_LIMIT, *counted)], now);
        }
        response
    }

    /// Host and Origin → token → revocation, as far as it is known here.
    async fn admit(&self, parts: &Parts, now: UnixSeconds) -> Result<(Caller, Option<Doubt>), Refusal> {
        self.host_and_origin.check(&parts.uri, &parts.headers).map_err(|foreign| match foreign {
            Foreign::Host => Refusal::ForeignHost,
            Foreign::Origin => Refusal::ForeignOrigin,
        })?;
        let identified = self.identify_caller(parts, now).await?;
        let checked = check_revocation(&self.revocations, self.introspection.as_ref(), &identified, now);
        let doubt = checked.map_err(refuse_distrusted)?;
        Ok((Caller { identified, trust: Trust::Full }, doubt))
    }

    /// Place → method → bounded body → envelope and era → scope policy → session → limit of the tool → upstream → stream end.
    async fn serve(
        self: &Arc<Self>,
        caller: &Caller,
        parts: &Parts,
        body: Body,
        rates: &mut Rates,
        now: UnixSeconds,
    ) -> Result<Response, Refusal> {
        let place = self.take_place(caller, parts)?;
        endpoint_methods::check(&parts.method, &parts.headers, self.sessions.is_some())
            .map_err(|allow| Refusal::MethodNotAllowed { allow })?;
        let incoming = self.read_message(parts, body).await?;
        let place = place.of(&incoming)?;
        let message = match incoming {
            Incoming::One(message) => message,
            // In a box as all that not every request needs: futures of kilobytes, which would be moved about with those of a few bytes.
            Incoming::Batch(messages) => {
                return Box::pin(self.serve_batch(caller, messages, place, rates, now)).await;
            }
        };
        let allowed = self.allow(caller, &message, rates, now).await;
        if allowed.map_err(|refusal| refusal.answering(request_id(&message)))? {
            return Ok(self.list_tools(caller, &message, place, now));
        }
        Box::pin(self.call_upstream(caller, message, place, now)).await
    }

    /// Scope policy → session → limit of the tool, for a message that came alone. Whether it is the list of tools, which is answered here.
    async fn allow(
        &self,
        caller: &Caller,
        message: &Message,
        rates: &mut Rates,
        now: UnixSeconds,
    ) -> Result<bool, Refusal> {
        let lists_tools = match self.judge(caller, message) {
            Err(Refusal::InsufficientScope { needed, error }) => {
                let refusal = self.step_ups.refusal(&caller.identified.token.principal, message, needed, error);
                return Err(Box::pin(refusal).await);
            }
            judged => judged?,
        };
        if self.sessions.is_some() {
            Box::pin(self.check_session(caller, message, now)).await?;
        }
        if !lists_tools {
            self.count_call(caller, message, rates).await?;
        }
        Ok(lists_tools)
    }
}

/// The map of a request's headers has room for those of its answer: a map that grows as they are set is allocated again and again.
fn emptied(mut headers: HeaderMap) -> HeaderMap {
    headers.clear();
    headers
}

/// The id to answer to.
fn request_id(message: &Message) -> Option<&RequestId> {
    message.envelope.as_ref().and_then(|envelope| envelope.id())
}
