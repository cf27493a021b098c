//! Every kind of audit event is recorded somewhere: a kind that nobody writes promises a trace that is not there.

use super::source::{Source, repository, rust_sources};

const KINDS: &str = "auth-server/src/audit/mod.rs";
const MANUAL: &str = "docs/operations.md";

fn violations(sources: &[Source]) -> Vec<String> {
    let code = sources.iter().find(|source| source.path == KINDS).expect("the kinds of events").code();
    let (_, after) = code.split_once("pub enum AuditKind {").expect("the kinds of events");
    let (kinds, _) = after.split_once('}').expect("its end");
    let others: Vec<String> = sources.iter().filter(|source| source.path != KINDS).map(Source::code).collect();
    let words = kinds.split(',').map(str::trim).filter(|kind| !kind.is_empty());
    let is_recorded = |kind: &str| {
        let name = format!("AuditKind::{kind}");
        let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        others.iter().any(|code| code.split(&name).skip(1).any(is_whole))
    };
    words.filter(|kind| !is_recorded(kind)).map(|kind| format!("{KINDS}: nobody records {kind}")).collect()
}

#[test]
fn every_kind_of_event_is_recorded() {
    let sources: Vec<Source> =
        rust_sources().into_iter().filter(|source| source.path.starts_with("auth-server/src/")).collect();
    super::assert_none("a kind of audit event is never recorded", &violations(&sources));
}

/// The words that are stored, as `AuditKind::as_str` gives them.
fn words(sources: &[Source]) -> Vec<String> {
    let source = sources.iter().find(|source| source.path == KINDS).expect("the kinds of events");
    let given = source.text.split("=> \"").skip(1).filter_map(|rest| rest.split_once('"'));
    given.map(|(word, _)| word.to_owned()).collect()
}

/// Kinds that no test looks for by its word, and kinds that the operator is not told of.
fn unproven(sources: &[Source]) -> Vec<String> {
    let is_test =
        |source: &&Source| source.path.starts_with("tests/in_process/") && !source.path.contains("/architecture/");
    let manual = sources.iter().find(|source| source.path == MANUAL).expect("the manual");
    let mut found = Vec::new();
    for word in words(sources) {
        let named = format!("\"{word}\"");
        if !sources.iter().filter(is_test).any(|source| source.text.contains(&named)) {
            found.push(format!("no test looks for {word}"));
        }
        if !manual.text.contains(&format!("`{word}`")) {
            found.push(format!("{MANUAL} does not name {word}"));
        }
    }
    found
}

#[test]
fn every_kind_of_event_is_proven_and_documented() {
    super::assert_none("a kind of audit event is taken on trust", &unproven(&repository()));
}

#[test]
fn a_kind_that_is_taken_on_trust_is_found() {
    let kinds = Source::new(KINDS, "Self::One => \"one\", Self::Two => \"two\",");
    let test = Source::new("tests/in_process/a.rs", "audited(\"one\")");
    let manual = Source::new(MANUAL, "`two`");
    assert_eq!(words(std::slice::from_ref(&kinds)), ["one", "two"]);
    assert_eq!(unproven(&[kinds, test, manual]), ["docs/operations.md does not name one", "no test looks for two"]);
}

#[test]
fn a_kind_that_nobody_records_is_found() {
    let kinds = Source::new(KINDS, "pub enum AuditKind {\n    /// One.\n    One,\n    OneMore,\n}");
    let user = Source::new("auth-server/src/a.rs", "let kind = AuditKind::OneMore;");
    let found = violations(&[kinds, user]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with(" One"));
}
