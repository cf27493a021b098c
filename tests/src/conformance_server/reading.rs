//! Resources and prompts.

use super::{Answer, running::PNG};
use rmcp::{ErrorData, model::GetPromptRequestParams};
use serde_json::{Value, json};

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
/// How long a client may keep what it read.
const TTL_MS: u64 = 1000;

/// `value` with what a cache needs to know (MCP 2026-07-28).
fn cacheable(mut value: Value) -> Value {
    value["ttlMs"] = TTL_MS.into();
    value["cacheScope"] = "private".into();
    value
}

/// `resources/list`.
pub fn resources() -> Value {
    cacheable(json!({"resources": [
        {"uri": TEXT, "name": "Text", "mimeType": "text/plain"},
        {"uri": BINARY, "name": "Pixel", "mimeType": "image/png"},
        {"uri": "test://watched-resource", "name": "Watched", "mimeType": "text/plain"},
    ]}))
}

/// `resources/templates/list`.
pub fn templates() -> Value {
    let template = json!({"uriTemplate": "test://template/{id}/data", "name": "Data", "mimeType": "application/json"});
    cacheable(json!({"resourceTemplates": [template]}))
}

/// `resources/read`.
pub fn read(uri: &str) -> Answer<Value> {
    let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
    let content = match (uri, id) {
        (TEXT | "test://watched-resource", _) => {
            json!({"uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource."})
        }
        (BINARY, _) => json!({"uri": uri, "mimeType": "image/png", "blob": PNG}),
        (_, Some(id)) => {
            let text = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")}).to_string();
            json!({"uri": uri, "mimeType": "application/json", "text": text})
        }
        _ => return Err(ErrorData::resource_not_found("Resource not found", Some(json!({"uri": uri})))),
    };
    Ok(cacheable(json!({"contents": [content]})))
}

/// `prompts/list`.
pub fn prompts() -> Value {
    let required =
        |names: &[&str]| -> Vec<Value> { names.iter().map(|name| json!({"name": name, "required": true})).collect() };
    let prompt = |name: &str, arguments: &[&str]| json!({"name": name, "description": format!("The suite gets {name}"), "arguments": required(arguments)});
    cacheable(json!({"prompts": [
        prompt("test_simple_prompt", &[]),
        prompt("test_prompt_with_arguments", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", &["resourceUri"]),
        prompt("test_prompt_with_image", &[]),
        prompt("test_input_required_result_prompt", &[]),
    ]}))
}

/// `prompts/get`.
pub fn prompt(request: &GetPromptRequestParams) -> Answer<Value> {
    let argument = |name: &str| {
        let arguments = request.arguments.as_ref().map(|arguments| json!(arguments)).unwrap_or_default();
        arguments[name].as_str().unwrap_or_default().to_owned()
    };
    let text = |words: String| json!({"type": "text", "text": words});
    let content = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1"), argument("arg2"));
            vec![text(format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => vec![
            json!({"type": "resource", "resource": {
                "uri": argument("resourceUri"), "mimeType": "text/plain", "text": "Embedded resource content for testing.",
            }}),
            text("Please process the embedded resource above.".to_owned()),
        ],
        "test_prompt_with_image" => vec![
            json!({"type": "image", "data": PNG, "mimeType": "image/png"}),
            text("Please analyze the image above.".to_owned()),
        ],
        _ => return Err(ErrorData::invalid_params("Unknown prompt", None)),
    };
    let messages: Vec<Value> = content.into_iter().map(|content| json!({"role": "user", "content": content})).collect();
    Ok(json!({"messages": messages}))
}
