//! Tools and a prompt that need something from the client first (MCP 2026-07-28): they answer with what they want to know, and the client
//! calls again with it. What the client carries for them in between is sealed, because it comes back from a stranger.

use super::{Answer, Context, complete, typed};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, GetPromptRequestParams, GetPromptResponse, InputRequiredResult,
        InputResponses,
    },
};
use serde_json::{Value, json};

const SEAL: &[u8] = b"a key that only this server knows";

/// What is wanted: the name of each input and the request for it.
type Wanted = Vec<(&'static str, Value)>;

/// The answer to a call of one of these tools; none for other tools.
pub fn of_tool(request: &CallToolRequestParams, context: &Context) -> Option<Answer<CallToolResponse>> {
    let responses = request.input_responses.as_ref();
    let wanted = match &*request.name {
        "test_streaming_elicitation" => return Some(Ok(want(vec![("value", form("A value?", "value"))], None))),
        "test_input_required_result_elicitation" => vec![("user_name", form("What is your name?", "name"))],
        "test_input_required_result_sampling" => vec![("capital_question", sampling("What is the capital of France?"))],
        "test_input_required_result_list_roots" => vec![("client_roots", roots())],
        "test_input_required_result_capabilities" => declared(context),
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            return Some(confirmed(request));
        }
        "test_input_required_result_multiple_inputs" => return Some(everything(request)),
        "test_input_required_result_multi_round" => return Some(rounds(request)),
        _ => return None,
    };
    let told = wanted.iter().map(|(name, _)| given(responses, name)).collect::<Option<Vec<_>>>();
    Some(Ok(match told {
        Some(told) => done(&format!("You said {}", json!(told))),
        None => want(wanted, None),
    }))
}

/// The answer for the prompt that needs something; none for other prompts.
pub fn of_prompt(request: &GetPromptRequestParams) -> Option<GetPromptResponse> {
    if request.name != "test_input_required_result_prompt" {
        return None;
    }
    Some(match given(request.input_responses.as_ref(), "user_context") {
        Some(told) => {
            let content = json!({"type": "text", "text": format!("In the context of {told}")});
            GetPromptResponse::Complete(complete(json!({"messages": [{"role": "user", "content": content}]})))
        }
        None => {
            GetPromptResponse::InputRequired(required(vec![("user_context", form("Which context?", "context"))], None))
        }
    })
}

fn confirmed(request: &CallToolRequestParams) -> Answer<CallToolResponse> {
    match &request.request_state {
        None => Ok(want(vec![("confirm", form("Please confirm", "ok"))], Some("confirm"))),
        Some(state) => open(state).map(|_| done("state-ok")),
    }
}

fn everything(request: &CallToolRequestParams) -> Answer<CallToolResponse> {
    let wanted = vec![
        ("user_name", form("What is your name?", "name")),
        ("greeting", sampling("Write a greeting")),
        ("client_roots", roots()),
    ];
    let complete = wanted.iter().all(|(name, _)| given(request.input_responses.as_ref(), name).is_some());
    match &request.request_state {
        Some(state) if complete => open(state).map(|_| done("All inputs received")),
        _ => Ok(want(wanted, Some("gather"))),
    }
}

fn rounds(request: &CallToolRequestParams) -> Answer<CallToolResponse> {
    let state = request.request_state.as_deref().map(open).transpose()?;
    Ok(match state.as_deref() {
        None => want(vec![("step1", form("Step 1: What is your name?", "name"))], Some("1")),
        Some("1") => want(vec![("step2", form("Step 2: What is your favorite color?", "color"))], Some("2")),
        Some(_) => done("Both rounds are done"),
    })
}

/// Only what the client says that it can be asked.
fn declared(context: &Context) -> Wanted {
    let capabilities = context.meta.client_capabilities().map(|capabilities| json!(capabilities)).unwrap_or_default();
    let all = [
        ("elicitation", ("user_name", form("What is your name?", "name"))),
        ("sampling", ("greeting", sampling("Write a greeting"))),
        ("roots", ("client_roots", roots())),
    ];
    all.into_iter().filter(|(name, _)| capabilities[*name].is_object()).map(|(_, wanted)| wanted).collect()
}

/// An answer of the client that is one: anything but an object is asked for again.
fn given<'r>(responses: Option<&'r InputResponses>, name: &str) -> Option<&'r Value> {
    responses?.get(name).filter(|response| response.is_object())
}

fn required(wanted: Wanted, state: Option<&str>) -> InputRequiredResult {
    let requests: serde_json::Map<String, Value> =
        wanted.into_iter().map(|(name, request)| (name.to_owned(), request)).collect();
    InputRequiredResult::new(Some(typed(requests.into())), state.map(seal))
}

fn want(wanted: Wanted, state: Option<&str>) -> CallToolResponse {
    CallToolResponse::InputRequired(required(wanted, state))
}

fn done(words: &str) -> CallToolResponse {
    CallToolResponse::Complete(complete(json!({"content": [{"type": "text", "text": words}]})))
}

fn form(message: &str, field: &str) -> Value {
    let kind = if field == "ok" { "boolean" } else { "string" };
    let schema = json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": message, "requestedSchema": schema}})
}

fn sampling(prompt: &str) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}})
}

fn roots() -> Value {
    json!({"method": "roots/list"})
}

fn seal(state: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SEAL), state.as_bytes());
    format!("{}.{}", URL_SAFE_NO_PAD.encode(state), URL_SAFE_NO_PAD.encode(tag))
}

fn open(sealed: &str) -> Answer<String> {
    let parts = sealed.split_once('.').and_then(|(state, tag)| {
        let (state, tag) = (URL_SAFE_NO_PAD.decode(state).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SEAL), &state, &tag).ok()?;
        String::from_utf8(state).ok()
    });
    parts.ok_or_else(|| ErrorData::invalid_params("requestState is not what this server gave", None))
}
