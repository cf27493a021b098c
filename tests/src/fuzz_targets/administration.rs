//! What administrators send: operations with their path, query, body and the state that they name.

use super::installation::{Installation, with_installation};
use auth_server::{
    administration::{Input, Operation, Refusal, operations},
    audit::verify_chain::Checkpoint,
    parameters::Parameters,
};
use serde_json::Value;
use shared::protocol::strict_json;
use std::collections::{BTreeMap, BTreeSet};

/// Stands in the corpus where an answer could repeat what was sent.
const CANARY: &str = "c4n4ry";
/// Pages that are turned.
const PAGES: usize = 12;

/// Lines: an operation, the values of its path, its query, `If-Match`, its body. `$USER` and the like stand for ids, `$TAG` for the tag of
/// what is there.
pub(super) fn administration_operation(bytes: &[u8]) {
    let Some([name, path, query, if_match, body]) = super::lines(bytes) else { return };
    let all: Vec<_> = operations().collect();
    let any = || all[name.bytes().map(usize::from).sum::<usize>() % all.len()];
    let operation = all.iter().copied().find(|each| each.id() == name).unwrap_or_else(any);
    with_installation(async |installation| {
        let place = place(operation, &installation.fill(path).await);
        let beside = operation.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let own = installation.look(operation.path, &place).await;
        let seen_at = if own.is_some() { operation.path } else { beside };
        let before = installation.look(seen_at, &place).await.unwrap_or_default();
        let if_match = if_match.replace("$TAG", before.version.as_deref().unwrap_or_default());
        let (query, body) = (installation.fill(query).await, installation.fill(body).await);
        let if_match = (!if_match.is_empty()).then_some(if_match);
        let Some(input) = read(operation, place.clone(), &query, if_match.clone(), &body) else { return };
        let before_it = installation.look(seen_at, &place).await.and_then(|reply| reply.body);
        let done = installation.perform(operation, &input).await;
        let after = installation.look(seen_at, &place).await.and_then(|reply| reply.body);
        if done.is_err() || !operation.changes() {
            assert_eq!(before_it, after, "what is refused changes nothing");
        }
        let reply = match done {
            Err(refusal) => return is_refusal(&refusal),
            Ok(reply) => reply,
        };
        assert_eq!(reply.body.is_some(), operation.answer.is_some());
        if let (Some(seen), true) = (if_match, operation.refusals.contains(&412)) {
            let is_named = before.version.is_some_and(|tag| seen.contains(&tag));
            assert!(is_named || seen.contains('*'), "it is not what was seen");
        }
        let Some(shown) = reply.body else { return };
        is_one_line(&shown);
        reads_back(input.body.as_ref().unwrap_or(&Value::Null), &shown);
        if let Some(location) = reply.location {
            let (collection, id) = location[1..].split_once('/').expect("a collection and an id");
            let place = BTreeMap::from([("id".to_owned(), id.to_owned())]);
            let there = installation.look(&format!("/{collection}/{{id}}"), &place).await.expect("it is there");
            agree(&there.body.expect("a view"), &shown);
        } else if let (Some(after), true) = (after, seen_at == operation.path) {
            agree(&after, &shown);
        }
    });
}

fn place(operation: &Operation, path: &str) -> BTreeMap<String, String> {
    operation.path_parameters().map(str::to_owned).zip(path.split('/').map(str::to_owned)).collect()
}

/// What the endpoint makes of a request; nothing when it is refused.
fn read(
    operation: &Operation,
    path: BTreeMap<String, String>,
    query: &str,
    if_match: Option<String>,
    body: &str,
) -> Option<Input> {
    let query = Parameters::from_query(Some(query)).ok()?;
    let input = Input { path, if_match, ..Input::default() };
    let mut input = input.with_query(operation, query.iter()).inspect_err(is_refusal).ok()?;
    if operation.body.is_some() {
        input.body = Some(strict_json::parse(body.as_bytes()).ok()?);
    }
    Some(input)
}

/// A refusal is the caller's fault, and repeats nothing of what the caller said but the name that is to blame.
fn is_refusal(refusal: &Refusal) {
    assert!(refusal.status.is_client_error(), "{refusal:?}");
    let (told, field) = (&refusal.error_description, refusal.field.as_deref().unwrap_or_default());
    assert!(!told.is_empty() && (field.contains(CANARY) || !told.contains(CANARY)), "{refusal:?}");
    assert!(!told.chars().chain(field.chars()).any(char::is_control) && field.chars().count() <= 100, "{refusal:?}");
}

/// Tables show it on one line.
fn is_one_line(shown: &Value) {
    match shown {
        Value::String(text) => assert!(!text.chars().any(char::is_control), "{text:?}"),
        Value::Array(values) => values.iter().for_each(is_one_line),
        Value::Object(members) => members.values().for_each(is_one_line),
        _ => {}
    }
}

/// What was sent is what is shown, but for space around it and words that stand for nothing.
fn reads_back(sent: &Value, shown: &Value) {
    for (name, value) in sent.as_object().into_iter().flatten() {
        match (value, &shown[name]) {
            (Value::String(sent), Value::String(shown)) if name == "scope" => {
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
                assert_eq!(words(sent), words(shown));
            }
            (Value::String(sent), Value::String(shown)) => {
                assert!(sent.trim() == shown || sent.trim().is_empty(), "{name}: {sent:?} became {shown:?}");
            }
            (Value::Array(sent), Value::Array(shown)) => {
                assert!(sent.iter().all(|one| shown.contains(one)), "{name}: {sent:?} became {shown:?}");
            }
            _ => {}
        }
    }
    if let Some(slug) = shown["slug"].as_str() {
        let is_safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!((1..=63).contains(&slug.len()) && slug.chars().all(is_safe), "{slug}");
        assert!(url::Url::parse(&format!("https://{slug}.example/")).is_ok() || slug.starts_with("xn--"), "{slug}");
    }
    if let Some(role) = shown["role"].as_str() {
        assert!(["member", "admin", "owner"].contains(&role));
    }
}

/// Two views of the same thing say the same.
fn agree(there: &Value, shown: &Value) {
    for (name, value) in there.as_object().into_iter().flatten() {
        assert!(shown.get(name).is_none_or(|other| other == value), "{name}: {value} and {}", shown[name]);
    }
}

/// Lines: an operation that lists, the values of its path, its query. `$NEXT` stands for a cursor that it gave out.
pub(super) fn administration_list(bytes: &[u8]) {
    let Some([name, path, query]) = super::lines(bytes) else { return };
    let lists: Vec<_> = operations().filter(|each| takes_cursor(each)).collect();
    let any = || lists[name.len() % lists.len()];
    let operation = lists.iter().copied().find(|each| each.id() == name).unwrap_or_else(any);
    with_installation(async |installation| {
        let place = place(operation, &installation.fill(path).await);
        let first = read(operation, place.clone(), "limit=1", None, "").expect("a query");
        let first = installation.perform(operation, &first).await.ok().and_then(|reply| reply.body);
        let given_out = first.and_then(|page| Some(page["next_cursor"].as_str()?.to_owned()));
        let mut query = installation.fill(query).await.replace("$NEXT", given_out.as_deref().unwrap_or_default());
        let mut turned: Vec<Value> = Vec::new();
        for _ in 0..PAGES {
            let Some(input) = read(operation, place.clone(), &query, None, "") else { return };
            let page = match installation.perform(operation, &input).await {
                Ok(reply) => reply.body.expect("a page"),
                Err(refusal) => {
                    assert!(turned.is_empty(), "a cursor that was given out is taken");
                    return is_refusal(&refusal);
                }
            };
            let limit = input.query.get("limit").map_or(50, |limit| limit.as_u64().expect("a number"));
            let items = page["items"].as_array().expect("items");
            assert!(u64::try_from(items.len()).is_ok_and(|items| items <= limit) && (1..=200).contains(&limit));
            assert!(items.iter().all(|item| !turned.contains(item)), "nothing is shown twice");
            turned.extend(items.iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return };
            assert_eq!(u64::try_from(items.len()), Ok(limit), "a page that another follows is full");
            is_of_this_list_alone(installation, operation, next).await;
            query = with_cursor(&query, next);
        }
    });
}

fn takes_cursor(operation: &Operation) -> bool {
    let properties = operation.query.map(auth_server::administration::schema::properties).unwrap_or_default();
    properties.iter().any(|property| property.name == "cursor")
}

async fn is_of_this_list_alone(installation: &Installation, operation: &Operation, cursor: &str) {
    let others = operations().filter(|each| takes_cursor(each) && each.collection != operation.collection);
    for other in others.filter(|each| each.path_parameters().next().is_none()) {
        let input = read(other, BTreeMap::new(), &with_cursor("", cursor), None, "").expect("a query");
        let refused = installation.perform(other, &input).await.expect_err("a cursor of another list");
        assert_eq!((refused.status.as_u16(), refused.field.as_deref()), (400, Some("cursor")));
    }
}

fn with_cursor(query: &str, cursor: &str) -> String {
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor");
    form_urlencoded::Serializer::new(String::new()).extend_pairs(others).append_pair("cursor", cursor).finish()
}

/// Bytes are a checkpoint of the audit chain.
pub(super) fn audit_checkpoint(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Ok(checkpoint) = text.parse::<Checkpoint>() else { return };
    assert!(checkpoint.sequence >= 0 && checkpoint.hash.len() == 64);
    assert!(checkpoint.hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "one spelling");
    assert_eq!(checkpoint.to_string().parse().as_ref(), Ok(&checkpoint), "it reads back");
    assert!(text.to_lowercase().ends_with(&format!(":{}", checkpoint.hash)));
}
