//! A file's name answers a question; these answer none.

use super::source::{Source, repository, rust_sources};

const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "types"];

fn files(sources: &[Source]) -> Vec<String> {
    let is_empty = |path: &str| {
        let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        parts.any(|part| EMPTY_NAMES.contains(&part))
    };
    let named = sources.iter().filter(|source| is_empty(&source.path));
    named.map(|source| format!("{} says nothing about what is in it", source.path)).collect()
}

fn modules(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code().lines().enumerate() {
            let name = line.split_once("mod ").map(|(_, rest)| rest.trim_end_matches([' ', '{', ';']));
            if name.is_some_and(|name| EMPTY_NAMES.contains(&name)) {
                found.push(format!("{}:{} `{}`", source.path, number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn names_say_what_is_inside() {
    super::assert_none("a name that says nothing", &files(&repository()));
    super::assert_none("a name that says nothing", &modules(&rust_sources()));
}

#[test]
fn a_name_that_says_nothing_is_found() {
    assert_eq!(files(&[Source::new("auth-server/src/helpers/mod.rs", "")]).len(), 1);
    assert_eq!(files(&[Source::new("keys/src/utils.rs", ""), Source::new("docs/types.md", "")]).len(), 2);
    assert_eq!(files(&[Source::new("keys/src/key_ring.rs", "")]).len(), 0);
    assert_eq!(modules(&[Source::new("keys/src/lib.rs", "pub(crate) mod common {\n}\nmod commons;")]).len(), 1);
}
