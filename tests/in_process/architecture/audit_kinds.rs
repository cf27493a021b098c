//! Every kind of audit event is recorded somewhere: a kind that nobody writes promises a trace that is not there.

use super::source::{Source, rust_sources};

const KINDS: &str = "auth-server/src/audit/mod.rs";

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

#[test]
fn a_kind_that_nobody_records_is_found() {
    let kinds = Source::new(KINDS, "pub enum AuditKind {\n    /// One.\n    One,\n    OneMore,\n}");
    let user = Source::new("auth-server/src/a.rs", "let kind = AuditKind::OneMore;");
    let found = violations(&[kinds, user]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with(" One"));
}
