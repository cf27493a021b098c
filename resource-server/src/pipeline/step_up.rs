//! What a call hears that lacks scopes which its principal could be granted: 403 with a challenge, from which most clients ask for more by
//! themselves. A client that comes back with another token of the same grant did not: it refreshed, which widens nothing (TypeScript SDK 1
//! does just that). Its person gets a link to the issuer's page on which that very grant is widened.

use crate::{
    bearer::principal::Principal,
    mcp::{
        allow_link::{AllowLink, INPUT_REQUEST},
        era::Era,
        json_rpc_error::JsonRpcError,
    },
    refusal::Refusal,
    upstreams::Message,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::{
    config::PublicUrl,
    ephemeral::{Ephemeral, EphemeralError},
    protocol::{scope::ScopeSet, well_known::STEP_UP},
};
use std::sync::Arc;
use url::form_urlencoded;

/// For so long it is known what a grant heard last: longer than a client may wait with its next refresh, with the usual lifetime of tokens.
const REMEMBERED_SECONDS: u32 = 60 * 60;
/// Where a modern client says that it shows links (MCP 2026-07-28, `_meta` of each request).
const URL_ELICITATION: &str = "/params/_meta/io.modelcontextprotocol~1clientCapabilities/elicitation/url";

/// Which token of a grant was challenged last, and where the page of their issuer is.
pub struct StepUps {
    ephemeral: Arc<dyn Ephemeral>,
    issuer: String,
    page: String,
}

/// How a client takes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// In the text of a result.
    Text,
    /// As an elicitation.
    Elicitation,
    /// It had it as an elicitation, and the person did not want it.
    Refused,
}

impl StepUps {
    /// For grants of `issuer`, one of ours: other authorization servers have no such page.
    pub fn new(ephemeral: Arc<dyn Ephemeral>, issuer: &PublicUrl) -> Self {
        Self { ephemeral, issuer: issuer.as_str().to_owned(), page: issuer.join(STEP_UP) }
    }

    /// What `message` hears, which needs all of `needed`: a link, or `error` with the challenge.
    pub(super) async fn refusal(
        &self,
        principal: &Principal,
        message: &Message,
        needed: ScopeSet,
        error: JsonRpcError,
    ) -> Refusal {
        match self.link(principal, message, &needed).await {
            Some(link) => Refusal::ToBeAllowed { needed, link },
            None => Refusal::InsufficientScope { needed, error },
        }
    }

    /// The link, if that is what comes next. Machines have no person.
    async fn link(&self, principal: &Principal, message: &Message, needed: &ScopeSet) -> Option<AllowLink> {
        let id = message.envelope.as_ref()?.id()?.clone();
        let grant_id = principal.grant_id.as_deref().filter(|_| principal.issuer == self.issuer)?;
        let key = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{grant_id} {needed}")));
        let takes = Takes::of(message);
        if takes != Takes::Refused && !self.was_refreshed(&key, &principal.token_id).await {
            return None;
        }
        let scope = needed.difference(&principal.scopes).to_string();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant", grant_id)
            .append_pair("scope", &scope)
            .finish();
        let elicitation_id = (takes == Takes::Elicitation).then_some(key);
        Some(AllowLink { id, era: message.era, url: format!("{}?{query}", self.page), elicitation_id })
    }

    /// Whether another token than this one of the grant was challenged before: then its client did nothing but refresh. The token that had the
    /// link is challenged again, so that its client refreshes to what was allowed meanwhile. Where nothing can be remembered, every client is
    /// taken for one that can step up.
    async fn was_refreshed(&self, key: &str, token_id: &str) -> bool {
        let key = format!("step-up:{key}");
        let decide = async {
            let before = self.ephemeral.get(&key).await?;
            self.ephemeral.put(&key, token_id.as_bytes(), REMEMBERED_SECONDS).await?;
            Ok::<_, EphemeralError>(before.is_some_and(|before| before != token_id.as_bytes()))
        };
        decide.await.unwrap_or_else(|cause| {
            tracing::warn!(%cause, "it is not known who was asked to step up");
            false
        })
    }
}

impl Takes {
    fn of(message: &Message) -> Self {
        if message.era == Era::Legacy {
            return Self::Text;
        }
        let body: Value = serde_json::from_slice(&message.body).unwrap_or_default();
        let action = body.pointer(&format!("/params/inputResponses/{INPUT_REQUEST}/action"));
        let shows = body.pointer(URL_ELICITATION).is_some_and(Value::is_object);
        match (action, shows) {
            (Some(action), _) if action != "accept" => Self::Refused,
            (_, true) => Self::Elicitation,
            (_, false) => Self::Text,
        }
    }
}
