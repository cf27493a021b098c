//! A module enters `shared` when two crates use it: otherwise it belongs to the one that does.

use std::collections::BTreeSet;

use super::source::{Source, is_word, rust_sources};

const USERS: [&str; 4] = ["keys", "auth-server", "resource-server", "standalone"];

/// Modules whose second user is still to come, each with what it will be.
const AWAITED: &[(&str, &str)] = &[("sealing", "the resource server's credentials of upstreams")];

fn violations(sources: &[Source], awaited: &[(&str, &str)]) -> Vec<String> {
    let modules =
        sources.iter().find(|source| source.path == "shared/src/lib.rs").map(|source| public_modules(&source.code()));
    let mut found = Vec::new();
    for module in modules.unwrap_or_default() {
        let users: BTreeSet<&str> = sources
            .iter()
            .filter(|source| USERS.contains(&source.top()) && source.path.contains("/src/"))
            .filter(|source| names_module(&source.code(), &module))
            .map(Source::top)
            .collect();
        let is_awaited = awaited.iter().any(|(name, _)| *name == module);
        match users.len() {
            0 | 1 if !is_awaited => found.push(format!("shared::{module} is used by {users:?} only")),
            2.. if is_awaited => found.push(format!("shared::{module} has its second user: strike it from AWAITED")),
            _ => {}
        }
    }
    found
}

fn public_modules(code: &str) -> Vec<String> {
    let declared = code.lines().filter_map(|line| line.trim().strip_prefix("pub mod "));
    declared.map(|rest| rest.trim_end_matches([';', ' ', '{']).to_owned()).collect()
}

/// True when the code says `shared::module` or `use shared::{…, module…}`.
fn names_module(code: &str, module: &str) -> bool {
    code.match_indices("shared::").any(|(at, path)| {
        if at > 0 && is_word(code.as_bytes()[at - 1]) {
            return false;
        }
        let rest = code[at + path.len()..].trim_start();
        match rest.strip_prefix('{') {
            None => starts_with_word(rest, module),
            Some(group) => first_words(group).any(|item| starts_with_word(item, module)),
        }
    })
}

/// The beginnings of the items of a use group, up to its closing brace.
fn first_words(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let mut starts = vec![0];
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts.into_iter().map(|start| group[start..].trim_start())
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.bytes().next().is_some_and(is_word))
}

#[test]
fn a_shared_module_has_two_users() {
    super::assert_none("a module of shared belongs to one crate", &violations(&rust_sources(), AWAITED));
}

#[test]
fn a_shared_module_with_one_user_is_found() {
    let library = Source::new("shared/src/lib.rs", "pub mod clock;\npub mod sealing;\nmod private;");
    let both = Source::new("keys/src/lib.rs", "use shared::{clock::SharedClock, sealing::{Sealing, Key}};");
    let one = Source::new("auth-server/src/app.rs", "use shared::clock::Clock; fn a() { myshared::sealing(); }");
    let sources = [library, both, one];
    assert_eq!(violations(&sources, &[]), ["shared::sealing is used by {\"keys\"} only"]);
    assert!(violations(&sources, &[("sealing", "…")]).is_empty());
    assert_eq!(violations(&sources, &[("sealing", "…"), ("clock", "…")]).len(), 1);
}
