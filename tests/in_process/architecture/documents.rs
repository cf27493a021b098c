//! What the documents name exists: a path in a code span, a test named as `path.rs::function`, the target of a link; and a document that
//! the code names.

use super::source::{Source, repository};

const FOLDERS: [&str; 9] =
    ["shared", "keys", "auth-server", "resource-server", "standalone", "tests", "migrations", "docs", "fuzz"];
/// Folders that a run makes.
const MADE: [&str; 1] = ["tests/out"];
/// Synthetic documents are named here.
const THESE_RULES: &str = "tests/in_process/architecture/";

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for document in sources.iter().filter(|source| source.path.ends_with(".md")) {
        for (number, line) in document.text.lines().enumerate() {
            for span in line.split('`').skip(1).step_by(2).filter(|span| is_path(span)) {
                if let Err(problem) = exists(span, sources) {
                    found.push(format!("{}:{} `{span}`: {problem}", document.path, number + 1));
                }
            }
            for target in links(line).filter(|target| !stands(target, &document.path, sources)) {
                found.push(format!("{}:{} links to {target}", document.path, number + 1));
            }
        }
    }
    found
}

/// Targets of the links of a line that stay in the repository, without what follows `#`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let here = targets.map(|target| target.split('#').next().unwrap_or(target));
    here.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

/// True when a link, relative to its document, leads to a file or folder.
fn stands(target: &str, document: &str, sources: &[Source]) -> bool {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/').filter(|part| *part != "." && !part.is_empty()) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let path = parts.join("/");
    sources.iter().any(|source| source.path == path || source.path.starts_with(&format!("{path}/")))
}

/// Documents named in Rust sources, such as `ARCHITECTURE.md`, that nobody can open.
fn unknown_documents(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust() && !source.path.starts_with(THESE_RULES)) {
        for (number, line) in source.text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && !"._-/".contains(c));
            let documents = words.filter(|word| word.ends_with(".md") && *word != ".md");
            for document in documents.filter(|document| !names_a_document(document, sources)) {
                found.push(format!("{}:{} names {document}", source.path, number + 1));
            }
        }
    }
    found
}

fn names_a_document(name: &str, sources: &[Source]) -> bool {
    // `include_str!` names a document from where the source is.
    let name = name.trim_start_matches("../");
    sources.iter().any(|source| source.path == name || source.path.ends_with(&format!("/{name}")))
}

fn is_path(span: &str) -> bool {
    let is_plain = span.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte));
    let is_ours = span.split_once('/').is_some_and(|(top, _)| FOLDERS.contains(&top));
    is_plain && is_ours && !span.contains("NNNN") && !MADE.iter().any(|made| span.starts_with(made))
}

fn exists(span: &str, sources: &[Source]) -> Result<(), &'static str> {
    let (path, function) = span.split_once("::").map_or((span, None), |(path, function)| (path, Some(function)));
    let path = path.trim_end_matches('/');
    let inside = format!("{path}/");
    let file = sources.iter().find(|source| source.path == path || source.path == format!("{path}.rs"));
    match (file, function) {
        (None, None) if sources.iter().any(|source| source.path.starts_with(&inside)) => Ok(()),
        (None, _) => Err("there is no such file"),
        (Some(_), None) => Ok(()),
        (Some(file), Some(function)) if file.text.contains(&format!("fn {function}(")) => Ok(()),
        (Some(_), Some(_)) => Err("the file has no such function"),
    }
}

#[test]
fn what_documents_name_exists() {
    super::assert_none("a document names what does not exist", &violations(&repository()));
}

#[test]
fn documents_that_the_code_names_exist() {
    super::assert_none("the code names a document that nobody can open", &unknown_documents(&repository()));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let other = Source::new("docs/operations.md", "");
    let found = |path: &str, text: &str| violations(&[other.clone(), Source::new(path, text)]).len();
    assert_eq!(
        found("README.md", "[a](docs/operations.md#proxies), [b](https://example.com/x), [c](#run-it), [d](docs)"),
        0
    );
    assert_eq!(found("docs/threats.md", "[a](operations.md) and [b](../docs/operations.md)"), 0);
    assert_eq!(found("docs/threats.md", "[a](docs/operations.md) and [b](../nowhere.md)"), 2);
}

#[test]
fn a_document_that_nobody_can_open_is_found() {
    let plan = Source::new("keys/src/lib.rs", "// see PLAN.md and docs/operations.md");
    let sources = [plan, Source::new("docs/operations.md", "")];
    assert_eq!(unknown_documents(&sources), ["keys/src/lib.rs:1 names PLAN.md"]);
}

#[test]
fn a_name_without_a_thing_is_found() {
    let code = Source::new("tests/in_process/flows.rs", "async fn a_replay_is_answered() {}");
    let found = |text: &str| violations(&[code.clone(), Source::new("docs/threats.md", text)]).len();
    assert_eq!(found("`tests/in_process/flows.rs::a_replay_is_answered` and `tests/in_process/`"), 0);
    assert_eq!(found("`tests/in_process/flows.rs::a_replay`"), 1);
    assert_eq!(found("`tests/in_process/attacks.rs` and `shared/src/db`"), 2);
    assert_eq!(
        found("`cargo test`, `application/json`, `tests/out/screenshots`, `migrations/auth-server/NNNN_name.sql`"),
        0
    );
}
