//! The scope policy on one message: may it go on, and is it declared to change nothing?

use super::scope_policy::{ScopePolicy, ToolRuling};
use crate::{
    bearer::principal::Principal,
    mcp::{
        envelope::{Envelope, Kind},
        json_rpc_error::{INVALID_PARAMS, JsonRpcError},
    },
};
use http::StatusCode;
use shared::protocol::scope::ScopeSet;

/// Methods that change nothing here: they list, describe, read or end a handshake.
const READ_ONLY_METHODS: [&str; 12] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "completion/complete",
    "notifications/initialized",
    "notifications/cancelled",
];
/// The other methods of the revisions that are served.
const OTHER_METHODS: [&str; 10] = [
    "tools/call",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
    "notifications/progress",
    "notifications/roots/list_changed",
];
/// A longer tool name is echoed cut.
const TOOL_NAME_ECHO_MAX_CHARS: usize = 128;

/// What the policy says about a message.
#[derive(Debug, PartialEq)]
pub enum Ruling {
    /// It goes to the upstream.
    Forward {
        /// Whether it is declared to change nothing; such a call may pass while the issuer is silent.
        read_only: bool,
    },
    /// `tools/list`: answered here, cut to what the principal may see.
    ListTools,
    /// 403 `insufficient_scope` with every scope that the operation needs, and those that the principal holds.
    NeedsScopes(ScopeSet),
    /// A JSON-RPC answer.
    Refuse(JsonRpcError),
}

/// The method, if MCP knows it; any other is a text that a caller chose.
pub fn known_method(method: &str) -> Option<&'static str> {
    READ_ONLY_METHODS.into_iter().chain(OTHER_METHODS).find(|known| *known == method)
}

/// Whether a message asks for the list of tools. That is answered here, and goes to no upstream.
pub fn lists_tools(envelope: &Envelope) -> bool {
    &*envelope.method == "tools/list" && matches!(envelope.kind, Kind::Request(_))
}

/// Applies `policy` to the message of `principal`.
pub fn rule(policy: &ScopePolicy, principal: &Principal, envelope: &Envelope) -> Ruling {
    match &*envelope.method {
        "tools/list" if lists_tools(envelope) => match envelope.params.cursor {
            None => Ruling::ListTools,
            Some(_) => Ruling::Refuse(invalid("Invalid params: unknown cursor", envelope)),
        },
        "tools/call" => {
            let Some(name) = envelope.params.name.as_deref() else {
                return Ruling::Refuse(invalid("Invalid params: name must be a string", envelope));
            };
            match policy.rule_call(principal, name) {
                ToolRuling::Allowed { read_only } => Ruling::Forward { read_only },
                ToolRuling::NeedsScopes(needed) => Ruling::NeedsScopes(policy.to_ask_for(principal, needed)),
                ToolRuling::NotFound => Ruling::Refuse(tool_not_found(name, envelope)),
            }
        }
        method => Ruling::Forward { read_only: READ_ONLY_METHODS.contains(&method) },
    }
}

/// One answer for a tool that is absent and for one that this principal could never use.
fn tool_not_found(name: &str, envelope: &Envelope) -> JsonRpcError {
    let name: String = name.chars().take(TOOL_NAME_ECHO_MAX_CHARS).collect();
    JsonRpcError::new(StatusCode::OK, INVALID_PARAMS, format!("Tool not found: {name}")).answering(envelope.id())
}

fn invalid(message: &'static str, envelope: &Envelope) -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message).answering(envelope.id())
}
