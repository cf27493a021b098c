//! What the documents name exists: a path in a code span, and a test named as `path.rs::function`.

use super::source::{Source, repository};

const FOLDERS: [&str; 9] =
    ["shared", "keys", "auth-server", "resource-server", "standalone", "tests", "migrations", "docs", "fuzz"];
/// Folders that a run makes.
const MADE: [&str; 1] = ["tests/out"];

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for document in sources.iter().filter(|source| source.path.ends_with(".md")) {
        for (number, line) in document.text.lines().enumerate() {
            for span in line.split('`').skip(1).step_by(2).filter(|span| is_path(span)) {
                if let Err(problem) = exists(span, sources) {
                    found.push(format!("{}:{} `{span}`: {problem}", document.path, number + 1));
                }
            }
        }
    }
    found
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
