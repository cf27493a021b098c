//! JSON documents that servers give each other.

use auth_server::resources::register_resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::protocol::authorization_server_metadata::AuthorizationServerMetadata;
use shared::protocol::protected_resource_metadata::ProtectedResourceMetadata;
use shared::protocol::resource_document::ResourceDocument;
use shared::protocol::resource_indicator::ResourceIndicator;
use shared::protocol::scope::ScopeSet;
use shared::protocol::strict_json;

/// What was read, when it is such a document; printed, it reads back.
fn read<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let document: T = serde_json::from_slice(bytes).ok()?;
    let printed = serde_json::to_vec(&document).expect("it has a JSON form");
    assert_eq!(serde_json::from_slice::<T>(&printed).expect("it reads back"), document);
    Some(document)
}

/// Bytes are the metadata of an issuer.
pub(super) fn authorization_server_metadata(bytes: &[u8]) {
    let Some(document) = read::<AuthorizationServerMetadata>(bytes) else { return };
    assert_without_null_or_nothing(&serde_json::to_value(&document).expect("JSON"));
}

/// Bytes are the metadata of a resource.
pub(super) fn protected_resource_metadata(bytes: &[u8]) {
    let Some(document) = read::<ProtectedResourceMetadata>(bytes) else { return };
    assert_without_null_or_nothing(&serde_json::to_value(&document).expect("JSON"));
}

/// RFC 8414 §3.2: no member without a value; clients refuse `null`.
fn assert_without_null_or_nothing(document: &Value) {
    let members = document.as_object().expect("an object");
    assert!(members.values().all(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())));
}

/// Bytes are what a resource server registers.
pub(super) fn resource_document(bytes: &[u8]) {
    let Some(document) = read::<ResourceDocument>(bytes) else { return };
    let Ok(indicator) = register_resource::check(&document) else { return };
    assert_eq!(ResourceIndicator::parse(&document.resource).as_ref(), Ok(&indicator));
    assert_eq!(indicator.as_str(), document.resource, "`aud` is compared as it is written");
    let names: ScopeSet = document.scopes.iter().map(|scope| scope.name.as_str()).collect();
    assert_eq!(names.len(), document.scopes.len(), "a scope is declared once");
    assert_eq!(names.to_string().parse(), Ok(names.clone()), "each name is one scope");
    for scope in &document.scopes {
        assert!(!scope.name.starts_with("postern."), "management is not for resource servers");
        assert!(!matches!(scope.name.as_str(), "openid" | "profile" | "email" | "offline_access"), "{}", scope.name);
        assert!(scope.implies.iter().all(|implied| names.contains(implied)));
        let shown = [&scope.description].into_iter().chain(&scope.tools).chain([&document.name]);
        assert!(shown.into_iter().all(|text| !text.chars().any(char::is_control)), "a page shows it");
    }
}

/// Bytes are JSON. Second reader: `serde_json`, which lets the last of two members win.
pub(super) fn strict_json(bytes: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(bytes);
    let Ok(ours) = strict_json::parse(bytes) else { return };
    assert_eq!(theirs.ok().as_ref(), Some(&ours), "whatever passes means the same to both");
    let printed = serde_json::to_vec(&ours).expect("it has a JSON form");
    let again = strict_json::parse(&printed).expect("it reads back");
    assert!(again == ours || has_fraction(&ours), "as what it was");
}

/// The last digit of a fraction may change on the way.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}
