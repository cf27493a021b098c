//! What a request says, in the forms that its operation declares.

use super::{Operation, Refusal};
use crate::{administration::Input, endpoints::json_body, parameters::Parameters};
use axum::body::{Body, HttpBody as _};
use http::{Request, header};
use serde_json::{Value, json};
use shared::protocol::strict_json;
use std::collections::BTreeMap;

/// Reads query and body; a body is read only where the operation has one.
///
/// # Errors
/// 400 for what is malformed, repeated or unknown, 413, 415.
pub(super) async fn read_input(
    operation: &Operation,
    path: BTreeMap<String, String>,
    request: Request<Body>,
) -> Result<Input, Refusal> {
    let (parts, body) = request.into_parts();
    let query = Parameters::from_query(parts.uri.query())
        .map_err(|error| Refusal::from(crate::error::OAuthError::from(error)))?;
    let if_match = parts.headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    let if_match = if_match.collect::<Vec<_>>().join(",");
    let input = Input { path, if_match: (!if_match.is_empty()).then_some(if_match), ..Input::default() };
    let input = input.with_query(operation, query.iter())?;
    let Some(schema) = operation.body else { return Ok(input) };
    if body.is_end_stream() && !parts.headers.contains_key(header::CONTENT_TYPE) {
        // Nothing was sent, so nothing was said: an operation without required members does what it does anyway.
        return Ok(Input { body: Some(json!({})), ..input });
    }
    let bytes = json_body::read(&parts.headers, body).await?;
    let body = strict_json::parse(&bytes).map_err(|_| Refusal::malformed(schema, &Value::Null))?;
    Ok(Input { body: Some(body), ..input })
}
