//! The OpenAPI document (version 3.1) of the administration interface, made from the table of operations.

use super::Refusal;
use crate::{
    administration::{COLLECTIONS, Operation, operations, schema},
    app::App,
    endpoints::public_document::answer,
    resources::resource::{ADMIN_READ_SCOPE, ADMIN_SCOPE},
    router::paths,
};
use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

const MAX_AGE_SECONDS: u32 = 300;
const SCHEME: &str = "oauth";
/// Each with what it means here.
const MEANINGS: &[(u16, &str)] = &[
    (400, "A parameter or member is missing, unknown, repeated or unusable."),
    (401, "No token, or one that is expired, revoked or for another audience."),
    (403, "The token lacks the scope, or its holder does not administer (any more)."),
    (404, "There is nothing with this id."),
    (408, "The body did not arrive in time."),
    (409, "It contradicts what is there."),
    (412, "It is not any more what If-Match names."),
    (413, "The body is longer than 64 KiB."),
    (415, "The body is not application/json."),
    (429, "Too many requests of this administrator; Retry-After says when to go on."),
    (503, "Something that is needed cannot be reached; nothing was decided. Retry-After says when to try again."),
];

/// `GET /api/openapi.json`.
pub async fn document(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
    let mut document = DOCUMENT.clone();
    let issuer = &app.issuer;
    document["servers"] = json!([{ "url": issuer }]);
    let scopes = json!({ ADMIN_READ_SCOPE: "Looking only", ADMIN_SCOPE: "Everything; it implies looking" });
    let token_url = format!("{issuer}{}", paths::TOKEN);
    document["components"]["securitySchemes"] = json!({ SCHEME: {
        "type": "oauth2",
        "description": format!("An access token for the resource {issuer}/api, in the Authorization header."),
        "flows": {
            "clientCredentials": { "tokenUrl": token_url, "scopes": scopes },
            "authorizationCode": {
                "authorizationUrl": format!("{issuer}{}", paths::AUTHORIZE), "tokenUrl": token_url, "scopes": scopes,
            },
        },
    } });
    answer(&document, MAX_AGE_SECONDS, &headers)
}

fn make() -> Value {
    let mut answers = schema::of_answers();
    let refusal = answers.subschema_for::<Refusal>().to_value();
    let mut all = Map::new();
    for operation in operations() {
        let path = format!("{}{}", paths::ADMIN, operation.path);
        let item = all.entry(path).or_insert_with(|| json!({}));
        item[operation.verb.as_str().to_lowercase()] = describe(operation, &mut answers, &refusal);
    }
    let tags = COLLECTIONS.iter().map(|each| json!({ "name": each.name, "description": each.about }));
    json!({
        "openapi": "3.1.1",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Postern administration",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Users, clients, resources, grants, sessions and the audit log of one installation.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "tags": tags.collect::<Vec<_>>(),
        "paths": all,
        "components": { "schemas": answers.take_definitions(true) },
    })
}

fn describe(operation: &Operation, answers: &mut SchemaGenerator, refusal: &Value) -> Value {
    let mut described = json!({
        "operationId": operation.id(),
        "tags": [operation.collection],
        "summary": operation.summary,
        "security": [{ SCHEME: [if operation.changes() { ADMIN_SCOPE } else { ADMIN_READ_SCOPE }] }],
        "parameters": parameters(operation),
        "responses": responses(operation, answers, refusal),
    });
    if let Some(body) = operation.body {
        let schema = body(&mut schema::of_requests());
        let is_required = schema::properties(body).iter().any(|property| property.is_required);
        described["requestBody"] =
            json!({ "required": is_required, "content": { "application/json": { "schema": schema } } });
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let path = operation.path_parameters();
    let text = json!({ "type": "string" });
    let mut all: Vec<Value> =
        path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text })).collect();
    for property in operation.query.map(schema::properties).unwrap_or_default() {
        let (name, about) = (property.name, property.description);
        let required = property.is_required;
        all.push(json!({ "name": name, "in": "query", "required": required, "description": about, "schema": property.schema }));
    }
    if operation.refusals.contains(&StatusCode::PRECONDITION_FAILED.as_u16()) {
        let about = "The entity tag of the state that is to be changed.";
        all.push(
            json!({ "name": "If-Match", "in": "header", "required": false, "description": about, "schema": text }),
        );
    }
    all
}

fn responses(operation: &Operation, answers: &mut SchemaGenerator, refusal: &Value) -> Value {
    let mut all = Map::new();
    let mut success = json!({ "description": operation.summary });
    if let Some(answer) = operation.answer {
        success["content"] = json!({ "application/json": { "schema": answer(answers) } });
    }
    all.insert(operation.status.as_str().to_owned(), success);
    for (status, meaning) in MEANINGS.iter().filter(|(status, _)| can_refuse(operation, *status)) {
        let content = json!({ "application/json": { "schema": refusal } });
        all.insert(status.to_string(), json!({ "description": meaning, "content": content }));
    }
    Value::Object(all)
}

fn can_refuse(operation: &Operation, status: u16) -> bool {
    match status {
        404 => operation.path.contains('{'),
        408 | 413 | 415 => operation.body.is_some(),
        409 | 412 => operation.refusals.contains(&status),
        _ => true,
    }
}
