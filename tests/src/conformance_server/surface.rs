//! The tools that the suite looks for, with the schemas that it wants.

use super::typed;
use rmcp::model::Tool;
use serde_json::{Value, json};

/// Tools without arguments.
const PLAIN: [&str; 24] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "test_error_handling",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];
/// Never ends by itself, so that tests can see what ends it.
pub const ENDLESS: &str = "endless";

/// All tools.
pub fn tools() -> Vec<Tool> {
    let plain = PLAIN.iter().chain([&ENDLESS]).map(|name| (*name, json!({"type": "object", "properties": {}})));
    let text = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let with_arguments = [
        ("test_sampling", text("prompt")),
        ("test_elicitation", text("message")),
        (
            "test_custom_header",
            json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}),
        ),
        ("json_schema_2020_12_tool", every_keyword()),
    ];
    plain.chain(with_arguments).map(|(name, schema)| tool(name, &schema)).collect()
}

fn tool(name: &str, schema: &Value) -> Tool {
    typed(json!({"name": name, "description": format!("The suite calls {name}"), "inputSchema": schema}))
}

/// Keywords of JSON Schema 2020-12 that a list has to pass on untouched.
fn every_keyword() -> Value {
    let street_and_city = json!({"street": {"type": "string"}, "city": {"type": "string"}});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": street_and_city}},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}
