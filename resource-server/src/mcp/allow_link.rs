//! A link on which the person allows what a call lacks, for clients that cannot ask for it themselves: in the text of a tool's error, or as
//! an elicitation in URL mode where the client says that it shows those (MCP 2026-07-28: as an input request; the error -32042 is gone).

use super::{era::Era, request_id::RequestId};
use bytes::Bytes;
use serde_json::{Value, json};

/// The name of the elicitation among the input requests of a result.
pub const INPUT_REQUEST: &str = "step-up";
/// Where a result carries challenges: ChatGPT begins an authorization from there.
const CHALLENGES: &str = "mcp/www_authenticate";

/// What a call is answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowLink {
    /// The call.
    pub id: RequestId,
    /// How its client speaks.
    pub era: Era,
    /// The page. It carries no secret: whoever opens it signs in, and decides about grants of their own alone.
    pub url: String,
    /// Names the elicitation, where the client takes the link as one.
    pub elicitation_id: Option<String>,
}

impl AllowLink {
    /// The body of the answer; `challenge` is for those that read it in results.
    pub fn body(&self, challenge: &str) -> Bytes {
        let result = match &self.elicitation_id {
            Some(id) => self.elicitation(id),
            None => self.tool_error(challenge),
        };
        Bytes::from(format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", self.id.as_json()))
    }

    /// An error that the model reads out, with the link in it.
    fn tool_error(&self, challenge: &str) -> Value {
        let text = format!(
            "The person has not allowed this yet. It can be allowed on this page: {}\nOnce it is allowed, call the tool again.",
            self.url
        );
        let content = json!([{"type": "text", "text": text}]);
        let mut result = json!({"content": content, "isError": true, "_meta": {CHALLENGES: [challenge]}});
        if self.era == Era::Modern {
            result["resultType"] = Value::from("complete");
        }
        result
    }

    /// The client shows the link, and calls again when the person has been there.
    fn elicitation(&self, id: &str) -> Value {
        let message = "This needs a permission that was not given yet. Open the page to allow it.";
        let params = json!({"mode": "url", "message": message, "url": self.url, "elicitationId": id});
        let request = json!({"method": "elicitation/create", "params": params});
        json!({"resultType": "input_required", "inputRequests": {INPUT_REQUEST: request}})
    }
}
