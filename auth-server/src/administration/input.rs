//! What was sent with an operation, however it was sent.

use super::{Operation, Refusal, schema::properties};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Path, query and body of one call.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Path parameters, decoded.
    pub path: BTreeMap<String, String>,
    /// Query parameters, in the forms that their operation declares.
    pub query: Map<String, Value>,
    /// The body.
    pub body: Option<Value>,
    /// `If-Match` (RFC 9110 §13.1.1).
    pub if_match: Option<String>,
}

impl Input {
    /// Takes query parameters as text: a declared number becomes one.
    ///
    /// # Errors
    /// A parameter that the operation does not have.
    pub fn with_query<'a>(
        mut self,
        operation: &Operation,
        texts: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Refusal> {
        let declared = operation.query.map(properties).unwrap_or_default();
        for (name, text) in texts {
            let property = declared.iter().find(|property| property.name == name);
            let property = property.ok_or_else(|| match operation.query {
                Some(query) => Refusal::malformed(query, &json!({ name: text })),
                None => Refusal::invalid("This operation takes no query parameters."),
            })?;
            self.query.insert(name.to_owned(), property.form.read(text));
        }
        Ok(self)
    }
}
