//! The scope policy on one message: may it go on, and is it declared to change nothing?

use super::scope_policy::{ScopePolicy, ScopeRuling};
use crate::{
    bearer::principal::Principal,
    mcp::{
        envelope::{Envelope, Kind},
        era::Era,
        json_rpc_error::{INVALID_PARAMS, JsonRpcError, METHOD_NOT_FOUND},
    },
};
use http::StatusCode;
use shared::protocol::scope::ScopeSet;

/// What the token of a message needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing beyond being good: the handshake, what ends a call or tells of one, and the list of tools, which is cut to what may be seen.
    Nothing,
    /// The scopes of whoever reads: what is listed, read or listened to beside tools.
    Reading,
    /// The scopes of the tool that is called.
    ItsTool,
}

/// A method of MCP that a client sends.
struct Method {
    name: &'static str,
    needs: Needs,
    /// Whether it is declared to change nothing; such a message may pass while the issuer is silent. Of what needs the scopes of a tool that
    /// tool says it.
    read_only: bool,
}

const fn free(name: &'static str, read_only: bool) -> Method {
    Method { name, needs: Needs::Nothing, read_only }
}

const fn reading(name: &'static str, read_only: bool) -> Method {
    Method { name, needs: Needs::Reading, read_only }
}

/// All of them, of every revision that is served. No other goes to an upstream.
static METHODS: [Method; 26] = [
    free("initialize", true),
    free("ping", true),
    free("server/discover", true),
    free("tools/list", true),
    Method { name: "tools/call", needs: Needs::ItsTool, read_only: false },
    reading("prompts/list", true),
    reading("prompts/get", true),
    reading("resources/list", true),
    reading("resources/templates/list", true),
    reading("resources/read", true),
    reading("resources/subscribe", false),
    reading("resources/unsubscribe", false),
    reading("subscriptions/listen", false),
    reading("completion/complete", true),
    reading("tasks/list", false),
    reading("tasks/get", false),
    reading("tasks/result", false),
    reading("tasks/update", false),
    reading("tasks/cancel", false),
    free("logging/setLevel", false),
    free("notifications/initialized", true),
    free("notifications/cancelled", true),
    free("notifications/progress", false),
    free("notifications/roots/list_changed", false),
    free("notifications/tasks/status", false),
    free("notifications/elicitation/complete", false),
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
    find(method).map(|known| known.name)
}

/// Whether a message asks for the list of tools. That is answered here, and goes to no upstream.
pub fn lists_tools(envelope: &Envelope) -> bool {
    &*envelope.method == "tools/list" && matches!(envelope.kind, Kind::Request(_))
}

fn find(method: &str) -> Option<&'static Method> {
    METHODS.iter().find(|known| known.name == method)
}

/// Applies `policy` to the message of `principal`, whose client speaks as in `era`.
pub fn rule(policy: &ScopePolicy, principal: &Principal, envelope: &Envelope, era: Era) -> Ruling {
    if lists_tools(envelope) {
        return match envelope.params.cursor {
            None => Ruling::ListTools,
            Some(_) => Ruling::Refuse(invalid("Invalid params: unknown cursor", envelope)),
        };
    }
    // What the client answers to a question names no method; whether anything was asked is the session's business.
    if envelope.kind == Kind::Response {
        return Ruling::Forward { read_only: false };
    }
    // What nobody wrote a rule for does not exist; neither does what this principal could never do.
    let absent = || Ruling::Refuse(method_not_found(envelope, era));
    let Some(&Method { needs, read_only, .. }) = find(&envelope.method) else { return absent() };
    let (ruling, read_only) = match needs {
        Needs::Nothing => (ScopeRuling::Allowed, read_only),
        Needs::Reading => (policy.rule_reading(principal), read_only),
        Needs::ItsTool => {
            let Some(name) = envelope.params.name.as_deref() else {
                return Ruling::Refuse(invalid("Invalid params: name must be a string", envelope));
            };
            match policy.rule_call(principal, name) {
                (ScopeRuling::NotFound, _) => return Ruling::Refuse(tool_not_found(name, envelope)),
                ruling => ruling,
            }
        }
    };
    match ruling {
        ScopeRuling::Allowed => Ruling::Forward { read_only },
        ScopeRuling::NeedsScopes(needed) => Ruling::NeedsScopes(policy.to_ask_for(principal, needed)),
        ScopeRuling::NotFound => absent(),
    }
}

/// With 404 where the revision says so (MCP 2026-07-28, Streamable HTTP); older clients take other statuses than 200 for a broken server.
fn method_not_found(envelope: &Envelope, era: Era) -> JsonRpcError {
    let asks = matches!(envelope.kind, Kind::Request(_));
    let status = if era == Era::Legacy && asks { StatusCode::OK } else { StatusCode::NOT_FOUND };
    JsonRpcError::new(status, METHOD_NOT_FOUND, "Method not found").answering(envelope.id())
}

/// One answer for a tool that is absent and for one that this principal could never use.
fn tool_not_found(name: &str, envelope: &Envelope) -> JsonRpcError {
    let name: String = name.chars().take(TOOL_NAME_ECHO_MAX_CHARS).collect();
    JsonRpcError::new(StatusCode::OK, INVALID_PARAMS, format!("Tool not found: {name}")).answering(envelope.id())
}

fn invalid(message: &'static str, envelope: &Envelope) -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message).answering(envelope.id())
}

#[cfg(test)]
mod tests {
    use super::{METHODS, Ruling, rule};
    use crate::{
        bearer::principal::{Principal, tests::principal},
        builtin_resource,
        mcp::{envelope::parse, era::Era, json_rpc_error::METHOD_NOT_FOUND, tools_list::ToolDefinition},
        policy::scope_policy::ScopePolicy,
    };

    /// Every method that a client sends, of 2024-11-05 to 2026-07-28 with the tasks extension: whether it needs a scope to read, and whether it may
    /// pass while nobody knows what is revoked.
    const SPECIFIED: [(&str, bool, bool); 25] = [
        ("initialize", false, true),
        ("ping", false, true),
        ("server/discover", false, true),
        ("prompts/list", true, true),
        ("prompts/get", true, true),
        ("resources/list", true, true),
        ("resources/templates/list", true, true),
        ("resources/read", true, true),
        ("resources/subscribe", true, false),
        ("resources/unsubscribe", true, false),
        ("subscriptions/listen", true, false),
        ("completion/complete", true, true),
        ("tasks/list", true, false),
        ("tasks/get", true, false),
        ("tasks/result", true, false),
        ("tasks/update", true, false),
        ("tasks/cancel", true, false),
        ("logging/setLevel", false, false),
        ("notifications/initialized", false, true),
        ("notifications/cancelled", false, true),
        ("notifications/progress", false, false),
        ("notifications/roots/list_changed", false, false),
        ("notifications/tasks/status", false, false),
        ("notifications/elicitation/complete", false, false),
        ("tools/list", false, true),
    ];

    fn policy() -> ScopePolicy {
        let tool = ToolDefinition { name: "whoami".into(), json: "{}".into(), read_only: true };
        let reading = builtin_resource::FIRST_SCOPES.into_iter().collect();
        ScopePolicy::new(&builtin_resource::scopes(), &[tool], reading)
    }

    fn ruling(principal: &Principal, method: &str, era: Era) -> Ruling {
        let id = if method.starts_with("notifications/") { "" } else { r#""id":1,"# };
        let message = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{{"name":"whoami"}}}}"#);
        rule(&policy(), principal, &parse(message.as_bytes()).expect("a message"), era)
    }

    fn holding(scopes: &str, roles: &[&str]) -> Principal {
        Principal {
            scopes: scopes.parse().expect("scopes"),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..principal()
        }
    }

    #[test]
    fn every_method_of_the_specification_has_a_rule() {
        let (reader, writer) = (holding("mcp.read", &["member"]), holding("mcp.write", &["member"]));
        let (broader, nobody) = (holding("mcp.admin", &["administrator"]), holding("", &[]));
        for era in [Era::Legacy, Era::Modern] {
            for (method, reads, read_only) in SPECIFIED {
                let forward = if method == "tools/list" { Ruling::ListTools } else { Ruling::Forward { read_only } };
                assert_eq!(ruling(&reader, method, era), forward, "{method}");
                assert_eq!(ruling(&broader, method, era), forward, "{method}: what is broader reads, too");
                let needs = || Ruling::NeedsScopes("mcp.read mcp.write".parse().expect("scopes"));
                let expected = if reads { needs() } else { ruling(&reader, method, era) };
                assert_eq!(ruling(&writer, method, era), expected, "{method} without a scope to read");
                let never = ruling(&nobody, method, era);
                let absent = matches!(&never, Ruling::Refuse(error) if error.code == METHOD_NOT_FOUND);
                assert_eq!(absent, reads, "{method} of somebody who could never read: {never:?}");
            }
            assert!(matches!(ruling(&writer, "tools/call", era), Ruling::NeedsScopes(_)));
        }
        let mut specified: Vec<_> = SPECIFIED.iter().map(|(method, ..)| *method).chain(["tools/call"]).collect();
        let mut known: Vec<_> = METHODS.iter().map(|method| method.name).collect();
        specified.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, specified, "no rule for anything else");
    }

    #[test]
    fn what_has_no_rule_goes_nowhere() {
        let everything = holding("mcp.admin mcp.read mcp.write", &["administrator"]);
        for method in ["no/such/method", "tools/CALL", "resources/read/", "roots/list", "sampling/createMessage", "x"] {
            for (era, status) in [(Era::Legacy, 200), (Era::Modern, 404)] {
                let Ruling::Refuse(error) = ruling(&everything, method, era) else { panic!("{method} is forwarded") };
                assert_eq!((error.code, error.status.as_u16()), (METHOD_NOT_FOUND, status), "{method}");
            }
        }
        let Ruling::Refuse(error) = ruling(&everything, "notifications/no/such", Era::Legacy) else {
            panic!("forwarded")
        };
        assert_eq!((error.status.as_u16(), error.id), (404, None), "what wants no answer hears that it was not taken");
    }
}
