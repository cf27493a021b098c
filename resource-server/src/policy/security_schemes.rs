//! What each tool of a list says about the token it needs: ChatGPT reads `securitySchemes` before it calls, and asks for the scopes then. Clients
//! whose SDK drops what it does not know of a tool find the same in its `_meta`.

use serde_json::{json, value::RawValue, value::to_raw_value};
use shared::protocol::scope::ScopeSet;
use std::collections::BTreeMap;

/// The member of a tool, and of its `_meta`.
const MEMBER: &str = "securitySchemes";
const META: &str = "_meta";

/// The JSON of `tool` with the scheme that holds for it here, whatever it said itself: `oauth2` with all that `needs` names. Other members
/// stay byte for byte. What is no object stays as it is.
pub fn security_schemes(tool: &str, needs: &ScopeSet) -> String {
    let Ok(mut members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(tool) else { return tool.to_owned() };
    let schemes = json!([{"type": "oauth2", "scopes": needs.iter().collect::<Vec<_>>()}]);
    let schemes = to_raw_value(&schemes).expect("texts have a JSON form");
    let meta = members.get(META).and_then(|meta| serde_json::from_str(meta.get()).ok());
    let mut meta: BTreeMap<String, &RawValue> = meta.unwrap_or_default();
    meta.insert(MEMBER.to_owned(), &schemes);
    let meta = to_raw_value(&meta).expect("texts and JSON have a JSON form");
    members.insert(MEMBER.to_owned(), &schemes);
    members.insert(META.to_owned(), &meta);
    serde_json::to_string(&members).expect("texts and JSON have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::security_schemes;

    #[test]
    fn a_tool_says_all_that_it_needs_and_nothing_else_changes() {
        let needs = "mcp.write mcp.read".parse().expect("scopes");
        assert_eq!(
            security_schemes(r#"{"name":"t","inputSchema":{"maximum":1.0e2, "b":[]}}"#, &needs),
            concat!(
                r#"{"_meta":{"securitySchemes":[{"scopes":["mcp.read","mcp.write"],"type":"oauth2"}]},"#,
                r#""inputSchema":{"maximum":1.0e2, "b":[]},"name":"t","#,
                r#""securitySchemes":[{"scopes":["mcp.read","mcp.write"],"type":"oauth2"}]}"#
            )
        );
        let lied = security_schemes(r#"{"securitySchemes":[{"type":"noauth"}]}"#, &needs);
        assert!(!lied.contains("noauth"), "{lied}");
        let lied = security_schemes(r#"{"_meta":{"a":1.0,"securitySchemes":[{"type":"noauth"}]}}"#, &needs);
        assert!(!lied.contains("noauth") && lied.contains(r#""a":1.0"#), "{lied}");
        assert_eq!(security_schemes("[]", &needs), "[]");
    }
}
