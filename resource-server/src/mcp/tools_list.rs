//! The answer to `tools/list`, written from the tools a principal may see: no upstream, no JSON tree.

use super::{era::Era, request_id::RequestId};
use crate::upstreams::ToolDefinition;
use bytes::Bytes;

/// What is the same in every list.
pub struct ToolsList {
    modern: String,
}

impl ToolsList {
    /// `server_info` is the JSON object that says who the server is, where that is known.
    pub fn new(server_info: Option<&str>) -> Self {
        // MCP 2026-07-28: every result has a type and says who gives it, every list how long and for whom it may be kept.
        let mut modern = "\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\",".to_owned();
        if let Some(server_info) = server_info {
            modern.extend(["\"_meta\":{\"io.modelcontextprotocol/serverInfo\":", server_info, "},"]);
        }
        Self { modern }
    }

    /// Renders the answer to request `id` in the words of `era`. The list depends on the caller, so nobody may share it.
    pub fn render<'t>(&self, id: &RequestId, era: Era, tools: impl Iterator<Item = &'t ToolDefinition>) -> Bytes {
        let mut text = String::with_capacity(1024);
        text.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
        text.push_str(id.as_json());
        text.push_str(",\"result\":{");
        if era == Era::Modern {
            text.push_str(&self.modern);
        }
        text.push_str("\"tools\":[");
        for (index, tool) in tools.enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&tool.json);
        }
        text.push_str("]}}");
        Bytes::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::ToolsList;
    use crate::{
        mcp::{era::Era, request_id::RequestId},
        upstreams::ToolDefinition,
    };
    use serde_json::{Value, json, value::RawValue};

    #[test]
    fn speaks_the_words_of_the_era() {
        let raw = RawValue::from_string("\"a\"".into()).expect("JSON");
        let id = RequestId::from_json(&raw).expect("an id");
        let tool = |name: &str| ToolDefinition {
            name: name.into(),
            json: format!("{{\"name\":\"{name}\"}}"),
            read_only: true,
        };
        let tools = [tool("x"), tool("y")];
        let list = ToolsList::new(None);
        let legacy: Value = serde_json::from_slice(&list.render(&id, Era::Legacy, tools.iter())).expect("JSON");
        assert_eq!(legacy, json!({"jsonrpc": "2.0", "id": "a", "result": {"tools": [{"name": "x"}, {"name": "y"}]}}));
        let modern: Value = serde_json::from_slice(&list.render(&id, Era::Modern, [].iter())).expect("JSON");
        assert_eq!(
            modern["result"],
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": []})
        );
        let named = ToolsList::new(Some("{\"name\":\"s\",\"version\":\"1\"}"));
        let named: Value = serde_json::from_slice(&named.render(&id, Era::Modern, [].iter())).expect("JSON");
        let meta = json!({"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}});
        assert_eq!((&named["result"]["_meta"], &named["result"]["tools"]), (&meta, &json!([])));
    }
}
