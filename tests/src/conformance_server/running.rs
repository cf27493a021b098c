//! What the tools do.

use super::{Answer, ConformanceServer, Context, complete, surface::ENDLESS, typed};
use rmcp::{
    ErrorData,
    model::{CallToolRequestParams, CallToolResponse, ServerNotification, ServerRequest},
};
use serde_json::{Value, json};

/// A grey pixel.
pub const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";
/// No sound.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// Calls a tool that needs no second round.
pub async fn call(
    server: &ConformanceServer,
    request: &CallToolRequestParams,
    context: &Context,
) -> Answer<CallToolResponse> {
    let name = &*request.name;
    if let Some(content) = constant(name) {
        return Ok(result(json!({"content": content, "isError": name == "test_error_handling"})));
    }
    let arguments = request.arguments.clone().unwrap_or_default();
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match name {
        "test_tool_with_logging" => {
            for words in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                log(context, "info", words).await?;
            }
        }
        "test_logging_tool" => {
            if let Some(level) = context.meta.log_level() {
                log(context, json!(level).as_str().unwrap_or("info"), "as you asked").await?;
            }
        }
        "test_tool_with_progress" => report_progress(context).await?,
        "test_trigger_tool_change" => {
            for sink in server.listening.all() {
                // A stream that did not ask for it, or has ended, is not told.
                let _ = sink.notify_tool_list_changed().await;
            }
        }
        "test_trigger_prompt_change" => {
            for sink in server.listening.all() {
                let _ = sink.notify_prompt_list_changed().await;
            }
        }
        "test_sampling" => return ask_model(context, &argument("prompt")).await,
        "test_elicitation" => return ask_person(context, &argument("message"), contact()).await,
        "test_elicitation_sep1034_defaults" => return ask_person(context, "Values with defaults", defaults()).await,
        "test_elicitation_sep1330_enums" => return ask_person(context, "One of several", choices()).await,
        "test_custom_header" => return Ok(text(&argument("region"))),
        "test_missing_capability" => return with_sampling(context),
        ENDLESS => {
            let _running = server.run();
            log(context, "info", "begun").await?;
            report_progress(context).await?;
            context.ct.cancelled().await;
        }
        "test_reconnection" | "json_schema_2020_12_tool" => {}
        _ => return Err(ErrorData::invalid_params("Unknown tool", None)),
    }
    Ok(text("done"))
}

fn constant(tool: &str) -> Option<Value> {
    let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    let resource = |uri: &str, mime_type: &str, text: &str| json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}});
    Some(match tool {
        "test_simple_text" => json!([{"type": "text", "text": "This is a simple text response for testing."}]),
        "test_image_content" => json!([image]),
        "test_audio_content" => json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => {
            json!([resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")])
        }
        "test_multiple_content_types" => json!([
            {"type": "text", "text": "Multiple content types test:"},
            image,
            resource("test://mixed-content-resource", "application/json", "{\"test\":\"data\",\"value\":123}"),
        ]),
        "test_error_handling" => {
            json!([{"type": "text", "text": "This tool intentionally returns an error for testing"}])
        }
        _ => return None,
    })
}

fn result(value: Value) -> CallToolResponse {
    CallToolResponse::Complete(complete(value))
}

fn text(words: &str) -> CallToolResponse {
    result(json!({"content": [{"type": "text", "text": words}]}))
}

async fn notify(context: &Context, notification: Value) -> Answer<()> {
    let notification: ServerNotification = typed(notification);
    let told = context.peer.send_notification(notification).await;
    told.map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

async fn log(context: &Context, level: &str, words: &str) -> Answer<()> {
    let params = json!({"level": level, "logger": "conformance", "data": words});
    notify(context, json!({"method": "notifications/message", "params": params})).await
}

async fn report_progress(context: &Context) -> Answer<()> {
    let Some(token) = context.meta.get_progress_token() else { return Ok(()) };
    for progress in [0, 50, 100] {
        let params = json!({"progressToken": token, "progress": progress, "total": 100});
        notify(context, json!({"method": "notifications/progress", "params": params})).await?;
    }
    Ok(())
}

/// Asks the client, as the revisions before 2026-07-28 could in a session.
async fn ask(context: &Context, method: &str, params: Value) -> Result<Value, CallToolResponse> {
    let failed = |words: &str| result(json!({"isError": true, "content": [{"type": "text", "text": words}]}));
    let client = context.peer.peer_info().map(|client| json!(&*client)).unwrap_or_default();
    let kind = method.split('/').next().unwrap_or_default();
    if !client["capabilities"][kind].is_object() {
        return Err(failed("the client cannot be asked"));
    }
    let request: ServerRequest = typed(json!({"method": method, "params": params}));
    match context.peer.send_request(request).await {
        Ok(answer) => Ok(json!(answer)),
        Err(error) => Err(failed(&error.to_string())),
    }
}

async fn ask_model(context: &Context, prompt: &str) -> Answer<CallToolResponse> {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    let asked = ask(context, "sampling/createMessage", json!({"messages": [message], "maxTokens": 100})).await;
    let said = |answer: &Value| {
        let first = answer.pointer("/content/text").or_else(|| answer.pointer("/content/0/text"));
        format!("LLM response: {}", first.and_then(Value::as_str).unwrap_or_default())
    };
    Ok(asked.map_or_else(|refused| refused, |answer| text(&said(&answer))))
}

async fn ask_person(context: &Context, message: &str, properties: Value) -> Answer<CallToolResponse> {
    let required: Vec<&String> = properties
        .as_object()
        .filter(|all| all.contains_key("username"))
        .into_iter()
        .flat_map(|all| all.keys())
        .collect();
    let schema = json!({"type": "object", "properties": properties, "required": required});
    let asked =
        ask(context, "elicitation/create", json!({"mode": "form", "message": message, "requestedSchema": schema}))
            .await;
    let said = |answer: &Value| {
        format!(
            "User response: action={}, content={}",
            answer["action"].as_str().unwrap_or_default(),
            answer["content"]
        )
    };
    Ok(asked.map_or_else(|refused| refused, |answer| text(&said(&answer))))
}

fn contact() -> Value {
    json!({
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    })
}

fn defaults() -> Value {
    json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    })
}

fn choices() -> Value {
    let titled: Vec<Value> =
        (1..=3).map(|number| json!({"const": format!("value{number}"), "title": format!("Choice {number}")})).collect();
    let plain = json!(["option1", "option2", "option3"]);
    json!({
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    })
}

fn with_sampling(context: &Context) -> Answer<CallToolResponse> {
    let declared = context.meta.client_capabilities().map(|capabilities| json!(capabilities));
    if declared.is_some_and(|declared| declared["sampling"].is_object()) {
        return Ok(text("done"));
    }
    Err(ErrorData::missing_required_client_capability(typed(json!({"sampling": {}}))))
}
