//! As much of JSON Schema 2020-12 as the document uses; a keyword that is not known here fails the test that meets it.

use serde_json::Value;

/// Words that say nothing about validity.
const WORDS: [&str; 6] = ["description", "title", "default", "$schema", "format", "$defs"];

/// What is wrong with `value`; references are looked up in `document`.
pub fn problems(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    judge(document, schema, value, "", &mut found);
    found
}

fn judge(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Value::Object(keywords) = schema else {
        if schema != &Value::Bool(true) {
            found.push(format!("{at}: {schema} allows nothing"));
        }
        return;
    };
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|text| text.strip_prefix('#')).expect("a reference");
                judge(document, document.pointer(pointer).expect("a definition"), value, at, found);
                true
            }
            "type" => names(rule).iter().any(|name| is(name, value)),
            "enum" => rule.as_array().expect("a list").contains(value),
            "const" => rule == value,
            "anyOf" => rule.as_array().expect("a list").iter().any(|each| problems(document, each, value).is_empty()),
            "oneOf" => {
                let fitting =
                    rule.as_array().expect("a list").iter().filter(|each| problems(document, each, value).is_empty());
                fitting.count() == 1
            }
            "allOf" => rule.as_array().expect("a list").iter().all(|each| problems(document, each, value).is_empty()),
            "required" => {
                let names = rule.as_array().expect("a list").iter().filter_map(Value::as_str);
                names.into_iter().all(|name| value.get(name).is_some())
            }
            "properties" | "additionalProperties" | "items" => true,
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().expect("a number")),
            "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().expect("a number")),
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().expect("a number"))
            }
            "maxLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().expect("a number"))
            }
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().expect("a number")),
            word if WORDS.contains(&word) => true,
            unknown => panic!("{unknown} is no keyword that this validator knows"),
        };
        if !holds {
            found.push(format!("{at}: {value} breaks {keyword} {rule}"));
        }
    }
    members(document, schema, value, at, found);
}

fn members(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Null) => {}
            (Value::Null, additional) => judge(document, additional, member, &at, found),
            (rule, _) => judge(document, rule, member, &at, found),
        }
    }
    if !schema["items"].is_null() {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            judge(document, &schema["items"], item, &format!("{at}/{index}"), found);
        }
    }
}

fn names(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    use serde_json::json;
    let document = json!({ "components": { "schemas": { "N": { "type": "integer", "minimum": 1 } } } });
    let schema = json!({
        "type": "object", "required": ["n"], "additionalProperties": false,
        "properties": { "n": { "$ref": "#/components/schemas/N" }, "l": { "type": ["array", "null"], "items": { "enum": ["a"] } } },
    });
    let count = |value: Value| problems(&document, &schema, &value).len();
    assert_eq!(count(json!({ "n": 1, "l": ["a"] })), 0);
    assert_eq!(count(json!({ "n": 1, "l": null })), 0);
    for bad in
        [json!({}), json!({ "n": 0 }), json!({ "n": "1" }), json!({ "n": 1, "x": 1 }), json!({ "n": 1, "l": ["b"] })]
    {
        assert_eq!(count(bad.clone()), 1, "{bad}");
    }
}
