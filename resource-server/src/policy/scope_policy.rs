//! Which scopes a tool needs, who holds them, who could be granted them, and who never hears of the tool.

use super::security_schemes::security_schemes;
use crate::{
    bearer::principal::Principal,
    mcp::tools_list::{Selection, ToolDefinition},
};
use shared::protocol::{resource_document::ResourceScope, scope::ScopeSet};
use std::collections::{BTreeSet, HashMap};

/// What the policy says about an operation, by the scopes that it needs.
#[derive(Debug, PartialEq, Eq)]
pub enum ScopeRuling<'p> {
    /// The principal holds them.
    Allowed,
    /// It could be granted them; these are all that the operation needs.
    NeedsScopes(&'p ScopeSet),
    /// There is no such operation, or might as well be none for this principal.
    NotFound,
}

/// The policy of one resource. Evaluated on every call; nothing in it allocates.
#[derive(Debug)]
pub struct ScopePolicy {
    tools: Vec<ToolRule>,
    /// What tools need, each set once.
    needs: Vec<ScopeSet>,
    tool_by_name: HashMap<String, usize>,
    scopes: HashMap<String, ScopeRule>,
    reading: ScopeSet,
}

#[derive(Debug)]
struct ToolRule {
    definition: ToolDefinition,
    needs: ScopeSet,
}

#[derive(Debug)]
struct ScopeRule {
    /// Every scope whose holder has this one, itself first.
    held_by: Vec<String>,
    definition: ResourceScope,
}

impl ScopePolicy {
    /// The policy for `tools` behind `definitions`. A tool needs every scope that names it; one that no scope names
    /// is never shown: forgetting a tool must not open it. Whatever is read beside tools needs all of `reading`.
    pub fn new(definitions: &[ResourceScope], tools: &[ToolDefinition], reading: ScopeSet) -> Self {
        let scopes = definitions
            .iter()
            .map(|scope| {
                let rule = ScopeRule { held_by: held_by(&scope.name, definitions), definition: scope.clone() };
                (scope.name.clone(), rule)
            })
            .collect();
        let tools: Vec<_> = tools
            .iter()
            .map(|tool| {
                let naming = definitions.iter().filter(|scope| scope.tools.contains(&tool.name));
                let needs = naming.map(|scope| scope.name.as_str()).collect();
                let definition = ToolDefinition { json: security_schemes(&tool.json, &needs), ..tool.clone() };
                ToolRule { definition, needs }
            })
            .filter(|rule| !rule.needs.is_empty())
            .collect();
        let tool_by_name = tools.iter().enumerate().map(|(at, rule)| (rule.definition.name.clone(), at)).collect();
        let mut needs: Vec<ScopeSet> = Vec::new();
        for rule in &tools {
            if !needs.contains(&rule.needs) {
                needs.push(rule.needs.clone());
            }
        }
        Self { tools, needs, tool_by_name, scopes, reading }
    }

    /// May `principal` call the tool of this name? And whether the tool declares that it changes nothing.
    pub fn rule_call(&self, principal: &Principal, tool: &str) -> (ScopeRuling<'_>, bool) {
        match self.tool_by_name.get(tool).and_then(|at| self.tools.get(*at)) {
            Some(rule) => (self.rule_scopes(principal, &rule.needs), rule.definition.read_only),
            None => (ScopeRuling::NotFound, false),
        }
    }

    /// May `principal` read what is beside tools: resources, prompts and what belongs to them?
    pub fn rule_reading(&self, principal: &Principal) -> ScopeRuling<'_> {
        self.rule_scopes(principal, &self.reading)
    }

    fn rule_scopes<'p>(&self, principal: &Principal, needs: &'p ScopeSet) -> ScopeRuling<'p> {
        if needs.iter().all(|scope| self.holds(principal, scope)) {
            ScopeRuling::Allowed
        } else if self.could_hold_all(principal, needs) {
            ScopeRuling::NeedsScopes(needs)
        } else {
            ScopeRuling::NotFound
        }
    }

    /// What to ask for where `needed` is missing: all of that, and what `principal` holds here. A client that asks for a challenge's scopes and
    /// no others would lose the rest.
    pub fn to_ask_for(&self, principal: &Principal, needed: &ScopeSet) -> ScopeSet {
        let held = principal.scopes.iter().filter(|scope| self.scopes.contains_key(*scope));
        needed.iter().chain(held).collect()
    }

    /// The tools that `principal` may call or could be granted, in their order.
    pub fn visible_tools<'p>(&'p self, principal: &'p Principal) -> impl Iterator<Item = &'p ToolDefinition> {
        self.tools.iter().filter(|rule| self.could_hold_all(principal, &rule.needs)).map(|rule| &rule.definition)
    }

    /// Which of them these are: a bit for each set of scopes that tools need. None where there are more sets than bits.
    pub fn selection(&self, principal: &Principal) -> Option<Selection> {
        if self.needs.len() > 64 {
            return None;
        }
        let mut bits = 0;
        for needs in &self.needs {
            bits = bits << 1 | u64::from(self.could_hold_all(principal, needs));
        }
        Some(Selection(bits))
    }

    fn could_hold_all(&self, principal: &Principal, needs: &ScopeSet) -> bool {
        needs.iter().all(|scope| self.holds(principal, scope) || self.could_be_granted(principal, scope))
    }

    fn holds(&self, principal: &Principal, scope: &str) -> bool {
        let rule = self.scopes.get(scope);
        rule.is_some_and(|rule| rule.held_by.iter().any(|holder| principal.scopes.contains(holder)))
    }

    /// A machine could have what an administrator registered it for; a person what the roles allow.
    fn could_be_granted(&self, principal: &Principal, scope: &str) -> bool {
        self.scopes.get(scope).is_some_and(|rule| {
            if principal.is_machine() {
                rule.held_by.iter().any(|holder| principal.registered_scopes.contains(holder))
            } else {
                rule.definition.may_be_held_by(&principal.roles)
            }
        })
    }
}

/// `scope` and everything that implies it, however indirectly.
fn held_by(scope: &str, definitions: &[ResourceScope]) -> Vec<String> {
    let mut holders = vec![scope.to_owned()];
    let mut seen: BTreeSet<String> = holders.iter().cloned().collect();
    let mut next = 0;
    while let Some(implied) = holders.get(next).cloned() {
        next += 1;
        for broader in definitions.iter().filter(|broader| broader.implies.contains(&implied)) {
            if seen.insert(broader.name.clone()) {
                holders.push(broader.name.clone());
            }
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::{ScopePolicy, ScopeRuling};
    use crate::{
        bearer::principal::{Principal, tests as fixture},
        mcp::tools_list::{Selection, ToolDefinition},
    };
    use shared::protocol::{resource_document::ResourceScope, scope::ScopeSet};

    fn scope(name: &str, implies: &[&str], roles: &[&str], tools: &[&str]) -> ResourceScope {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ResourceScope {
            name: name.into(),
            description: name.into(),
            implies: owned(implies),
            roles: owned(roles),
            tools: owned(tools),
        }
    }

    fn policy() -> ScopePolicy {
        let everyone = ["member"];
        let scopes = [
            scope("mcp.read", &[], &everyone, &["list", "copy"]),
            scope("mcp.write", &[], &everyone, &["create", "copy"]),
            scope("mcp.admin", &["mcp.write", "mcp.read"], &["administrator"], &["clear"]),
            scope("mcp.root", &["mcp.admin"], &["nobody"], &[]),
        ];
        let tools = ["list", "create", "copy", "clear", "forgotten"].map(|name| ToolDefinition {
            name: name.into(),
            json: format!("{{\"name\":\"{name}\"}}"),
            read_only: name == "list",
        });
        ScopePolicy::new(&scopes, &tools, "mcp.read".parse().expect("scopes"))
    }

    fn principal(scopes: &str, roles: &[&str], machine: bool) -> Principal {
        let somebody = fixture::principal();
        Principal {
            subject: if machine { somebody.client_id.clone() } else { somebody.subject },
            scopes: scopes.parse().expect("scopes"),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..somebody
        }
    }

    fn visible(policy: &ScopePolicy, principal: &Principal) -> Vec<String> {
        policy.visible_tools(principal).map(|tool| tool.name.clone()).collect()
    }

    #[test]
    fn a_selection_stands_for_what_is_visible() {
        let policy = policy();
        let mut seen: Vec<(Selection, Vec<String>)> = Vec::new();
        for scopes in ["", "mcp.read", "mcp.write", "mcp.read mcp.write", "mcp.admin", "mcp.root"] {
            for roles in [&[][..], &["member"], &["administrator"], &["member", "administrator"]] {
                for machine in [false, true] {
                    let principal = principal(scopes, roles, machine);
                    seen.push((policy.selection(&principal).expect("few sets"), visible(&policy, &principal)));
                }
            }
        }
        for (one, tools) in &seen {
            assert!(seen.iter().all(|(other, others)| (one == other) == (tools == others)), "{one:?} {tools:?}");
        }
        let tool = |number: usize| ToolDefinition { name: number.to_string(), json: "{}".into(), read_only: true };
        let tools: Vec<_> = (0..65).map(tool).collect();
        let scopes: Vec<_> =
            (0..65).map(|number: usize| scope(&format!("s{number}"), &[], &[], &[&number.to_string()])).collect();
        assert_eq!(
            ScopePolicy::new(&scopes, &tools, ScopeSet::default()).selection(&principal("s1", &[], false)),
            None
        );
        assert!(
            ScopePolicy::new(&scopes[..64], &tools, ScopeSet::default())
                .selection(&principal("s1", &[], false))
                .is_some()
        );
    }

    #[test]
    fn broader_scopes_hold_narrower_ones_however_indirectly() {
        let policy = policy();
        for (scopes, tool, allowed) in [
            ("mcp.read", "list", true),
            ("mcp.write", "list", false),
            ("mcp.admin", "list", true),
            ("mcp.root", "clear", true),
            ("mcp.root", "create", true),
            ("mcp.read", "copy", false),
            ("mcp.read mcp.write", "copy", true),
            ("mcp.read.all", "list", false),
        ] {
            let (ruling, _) = policy.rule_call(&principal(scopes, &["administrator"], false), tool);
            assert_eq!(ruling == ScopeRuling::Allowed, allowed, "{scopes} {tool}");
        }
    }

    #[test]
    fn a_step_up_names_every_scope_of_the_operation() {
        let policy = policy();
        let member = principal("mcp.read", &["member"], false);
        let (ScopeRuling::NeedsScopes(needed), _) = policy.rule_call(&member, "copy") else { panic!("a step-up") };
        assert_eq!(needed.to_string(), "mcp.read mcp.write");
        let holder = principal("mcp.root openid", &["member"], false);
        assert_eq!(policy.to_ask_for(&holder, needed).to_string(), "mcp.read mcp.root mcp.write");
    }

    #[test]
    fn what_can_never_be_granted_does_not_exist() {
        let policy = policy();
        let member = principal("mcp.read", &["member"], false);
        for tool in ["clear", "absent", "forgotten", ""] {
            assert_eq!(policy.rule_call(&member, tool).0, ScopeRuling::NotFound, "{tool}");
        }
        assert_eq!(visible(&policy, &member), ["list", "create", "copy"]);
        let administrator = principal("", &["administrator"], false);
        assert_eq!(visible(&policy, &administrator), ["list", "create", "copy", "clear"]);
        assert!(visible(&policy, &principal("", &[], false)).is_empty());
    }

    #[test]
    fn a_machine_sees_what_it_holds_or_is_registered_for() {
        let policy = policy();
        let mut machine = principal("mcp.read", &["administrator"], true);
        assert_eq!(visible(&policy, &machine), ["list"]);
        assert_eq!(policy.rule_call(&machine, "create"), (ScopeRuling::NotFound, false));
        assert_eq!(policy.rule_call(&machine, "list"), (ScopeRuling::Allowed, true));
        machine.registered_scopes = "mcp.read mcp.write".parse().expect("scopes");
        assert_eq!(visible(&policy, &machine), ["list", "create", "copy"]);
        let (ScopeRuling::NeedsScopes(needed), _) = policy.rule_call(&machine, "copy") else { panic!("a challenge") };
        assert_eq!(needed.to_string(), "mcp.read mcp.write");
        assert_eq!(policy.rule_call(&machine, "clear").0, ScopeRuling::NotFound);
        machine.registered_scopes = "mcp.root".parse().expect("scopes");
        assert!(matches!(policy.rule_call(&machine, "clear").0, ScopeRuling::NeedsScopes(_)), "the broader holds it");
    }
}
