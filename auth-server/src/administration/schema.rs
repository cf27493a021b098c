//! What operations take and answer, as JSON Schema 2020-12, made from the very types that are read and written.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

/// The schema of a type, by a generator that keeps what it refers to.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Value;

/// [`SchemaOf`] the type `T`.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// Makes the schemas of what is taken: each stands for itself.
pub fn of_requests() -> SchemaGenerator {
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    SchemaSettings::draft2020_12().for_deserialize().with(inline).into_generator()
}

/// Makes the schemas of what is answered: they refer to each other below `#/components/schemas`.
pub fn of_answers() -> SchemaGenerator {
    let components = |settings: &mut SchemaSettings| settings.definitions_path = "/components/schemas".into();
    SchemaSettings::draft2020_12().for_serialize().with(components).into_generator()
}

/// One member of what is taken.
#[derive(Debug, Clone)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// Its form.
    pub form: Form,
    /// Its schema.
    pub schema: Value,
}

impl Property {
    /// Whether `value` has the form of this member, as far as its schema says.
    pub fn takes(&self, value: &Value) -> bool {
        match self.form {
            Form::Text => {
                let words = words(&self.schema);
                value.as_str().is_some_and(|text| words.is_empty() || words.iter().any(|word| word == text))
            }
            Form::Integer => {
                let bound = |name: &str| self.schema[name].as_i64();
                let fits = |number: i64| {
                    bound("minimum").is_none_or(|least| number >= least)
                        && bound("maximum").is_none_or(|most| number <= most)
                };
                value.as_i64().is_some_and(fits)
            }
            Form::Boolean => value.is_boolean(),
            Form::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Form::Json => true,
        }
    }
}

/// What a member looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A text, or one of a few words.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A list of texts.
    Texts,
    /// Anything else.
    Json,
}

impl Form {
    fn of(schema: &Value) -> Self {
        let is = |schema: &Value, word: &str| match &schema["type"] {
            Value::String(only) => only == word,
            Value::Array(several) => several.iter().any(|each| each == word),
            _ => false,
        };
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        if is(schema, "integer") {
            Self::Integer
        } else if is(schema, "boolean") {
            Self::Boolean
        } else if is(schema, "array") && is(&schema["items"], "string") {
            Self::Texts
        } else if is(schema, "string")
            || alternatives.into_iter().any(|each| is(each, "string"))
            || !words(schema).is_empty()
        {
            Self::Text
        } else {
            Self::Json
        }
    }

    /// The value that a text stands for; what is none stays text, and is refused where it is read.
    pub fn read(self, text: &str) -> Value {
        match self {
            Self::Integer => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
            Self::Boolean => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
            Self::Json => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            Self::Text | Self::Texts => text.into(),
        }
    }
}

/// The words that a member can be; none if it is no word of a few.
pub fn words(schema: &Value) -> Vec<String> {
    let own = schema["enum"].as_array().into_iter().flatten().chain([&schema["const"]]);
    let alternatives = ["oneOf", "anyOf"].into_iter().flat_map(|name| schema[name].as_array().into_iter().flatten());
    own.filter_map(Value::as_str).map(str::to_owned).chain(alternatives.flat_map(words)).collect()
}

/// The members of what is taken, by name.
pub fn properties(schema: SchemaOf) -> Vec<Property> {
    let schema = schema(&mut of_requests());
    let none = Map::new();
    let members = schema["properties"].as_object().unwrap_or(&none);
    let required = schema["required"].as_array();
    let property = |(name, member): (&String, &Value)| Property {
        name: name.clone(),
        description: member["description"].as_str().unwrap_or_default().replace('\n', " "),
        is_required: required.is_some_and(|required| required.iter().any(|each| each == name)),
        form: Form::of(member),
        schema: member.clone(),
    };
    members.iter().map(property).collect()
}
