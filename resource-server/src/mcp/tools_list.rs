//! The answer to `tools/list`, written from the tools a principal may see: no upstream, no JSON tree. What follows the request's id is the same
//! for all who see the same tools, and is written once.

use super::{era::Era, request_id::RequestId};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
};

/// As many lists are kept; who sees yet another selection of tools has it written anew.
const KEPT_MAX: usize = 32;

/// A tool as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// The JSON object of the tool in `tools/list`.
    pub json: String,
    /// Whether it declares that it changes nothing (`readOnlyHint`).
    pub read_only: bool,
}

/// Which tools are in a list: of two lists with the same number, each has the tools of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection(pub u64);

/// What is the same in every list.
pub struct ToolsList {
    modern: String,
    /// In the order in which they were first asked for.
    kept: [OnceLock<Kept>; KEPT_MAX],
}

struct Kept {
    era: Era,
    selection: Selection,
    rest: Bytes,
}

/// An answer in two parts, of which the second is shared.
#[derive(Debug)]
pub struct ToolsAnswer {
    head: Bytes,
    rest: Bytes,
}

impl ToolsList {
    /// `server_info` is the JSON object that says who the server is, where that is known.
    pub fn new(server_info: Option<&str>) -> Self {
        // MCP 2026-07-28: every result has a type and says who gives it, every list how long and for whom it may be kept.
        let mut modern = "\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\",".to_owned();
        if let Some(server_info) = server_info {
            modern.extend(["\"_meta\":{\"io.modelcontextprotocol/serverInfo\":", server_info, "},"]);
        }
        Self { modern, kept: Default::default() }
    }

    /// The answer to request `id` in the words of `era`, with the `tools` that `selection` stands for, where something does.
    pub fn answer<'t>(
        &self,
        id: &RequestId,
        era: Era,
        selection: Option<Selection>,
        tools: impl Iterator<Item = &'t ToolDefinition>,
    ) -> ToolsAnswer {
        const BEFORE_ID: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":";
        let id = id.as_json().as_bytes();
        let mut head = Vec::with_capacity(BEFORE_ID.len() + id.len());
        head.extend_from_slice(BEFORE_ID);
        head.extend_from_slice(id);
        let rest = match selection {
            Some(selection) => self.kept(era, selection, tools),
            None => self.render(era, tools),
        };
        ToolsAnswer { head: head.into(), rest }
    }

    /// What was written before, or is written now and kept if there is room. Places are filled in their order and never emptied, so looking
    /// takes no lock.
    fn kept<'t>(&self, era: Era, selection: Selection, tools: impl Iterator<Item = &'t ToolDefinition>) -> Bytes {
        let mut tools = Some(tools);
        for place in &self.kept {
            let render = || Kept { era, selection, rest: self.render(era, tools.take().into_iter().flatten()) };
            let kept = place.get_or_init(render);
            if (kept.era, kept.selection) == (era, selection) {
                return kept.rest.clone();
            }
        }
        self.render(era, tools.into_iter().flatten())
    }

    fn render<'t>(&self, era: Era, tools: impl Iterator<Item = &'t ToolDefinition>) -> Bytes {
        let mut text = String::with_capacity(1024);
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

impl ToolsAnswer {
    /// All of it.
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.head.len() + self.rest.len());
        whole.extend_from_slice(&self.head);
        whole.extend_from_slice(&self.rest);
        whole.freeze()
    }
}

/// One part after the other.
impl Body for ToolsAnswer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = if self.head.is_empty() { &mut self.rest } else { &mut self.head };
        let part = std::mem::take(part);
        Poll::Ready((!part.is_empty()).then(|| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.head.is_empty() && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.head.len() + self.rest.len()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_MAX, Selection, ToolDefinition, ToolsList};
    use crate::mcp::{era::Era, request_id::RequestId};
    use http_body::Body as _;
    use http_body_util::BodyExt as _;
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
        let answer = |list: &ToolsList, era, tools: &[ToolDefinition]| -> Value {
            serde_json::from_slice(&list.answer(&id, era, None, tools.iter()).to_bytes()).expect("JSON")
        };
        let legacy = answer(&list, Era::Legacy, &tools);
        assert_eq!(legacy, json!({"jsonrpc": "2.0", "id": "a", "result": {"tools": [{"name": "x"}, {"name": "y"}]}}));
        let modern = answer(&list, Era::Modern, &[]);
        assert_eq!(
            modern["result"],
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": []})
        );
        let named = ToolsList::new(Some("{\"name\":\"s\",\"version\":\"1\"}"));
        let named = answer(&named, Era::Modern, &[]);
        let meta = json!({"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}});
        assert_eq!((&named["result"]["_meta"], &named["result"]["tools"]), (&meta, &json!([])));
    }

    #[tokio::test]
    async fn a_list_is_written_once_for_all_who_see_the_same() {
        let list = ToolsList::new(None);
        let id = |text: &str| RequestId::from_json(&RawValue::from_string(text.into()).expect("JSON")).expect("an id");
        let tool = |number: u64| [ToolDefinition { name: "t".into(), json: number.to_string(), read_only: true }];
        let expected =
            |id: &str, tool: u64| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"tools\":[{tool}]}}}}");
        // More than are kept, and each twice, the second time with other tools, which nobody asks for.
        for number in (0..2 * KEPT_MAX as u64).chain(0..KEPT_MAX as u64) {
            for (name, tools) in
                [("1", tool(number)), ("\"b\"", tool(if number < KEPT_MAX as u64 { 777 } else { number }))]
            {
                let answer = list.answer(&id(name), Era::Legacy, Some(Selection(number)), tools.iter());
                assert_eq!(answer.to_bytes(), expected(name, number));
                assert_eq!(answer.size_hint().exact(), Some(expected(name, number).len() as u64));
                assert_eq!(answer.collect().await.expect("never fails").to_bytes(), expected(name, number));
            }
        }
        let modern = list.answer(&id("1"), Era::Modern, Some(Selection(0)), [].iter()).to_bytes();
        assert!(String::from_utf8_lossy(&modern).contains("resultType"), "{modern:?}");
    }
}
