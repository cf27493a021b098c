//! How long a file or a function may be. Clippy counts the lines of every function (`too_many_lines`); endpoints are held shorter here.

use super::source::{Source, is_word, repository, rust_sources};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
const ENDPOINT_LINES: usize = 40;
const COUNTED: [&str; 6] = [".rs", ".mjs", ".sql", ".html", ".css", "tests/run"];

fn long_files(sources: &[Source]) -> Vec<String> {
    let counted = sources.iter().filter(|source| COUNTED.iter().any(|ending| source.path.ends_with(ending)));
    counted
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES)
        .map(|(source, lines)| format!("{} has {lines} lines, {FILE_LINES} are allowed", source.path))
        .collect()
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let allowed = if source.path.contains("/src/endpoints/") { ENDPOINT_LINES } else { FUNCTION_LINES };
        for (name, line, lines) in functions(&source.code()) {
            if lines > allowed {
                found.push(format!("{}:{line} {name} has {lines} lines, {allowed} are allowed", source.path));
            }
        }
    }
    found
}

/// Name, first line and number of lines of every function, from `fn` to its closing brace, without empty lines and comments.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && is_word(bytes[at - 1]) {
            continue;
        }
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = code[at..].find(['{', ';']).map(|offset| at + offset) else { continue };
        if name.is_empty() || bytes[open] == b';' && !within_brackets(&code[at..open]) {
            continue;
        }
        let open = at + code[at..].find('{').unwrap_or(open - at);
        let end = closing_brace(bytes, open);
        let lines = code[at..=end].lines().filter(|line| !line.trim().is_empty()).count();
        found.push((name, code[..at].matches('\n').count() + 1, lines));
    }
    found
}

/// True inside `[u8; 32]`, where a semicolon ends nothing.
fn within_brackets(signature: &str) -> bool {
    signature.matches('[').count() > signature.matches(']').count()
}

fn closing_brace(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len() - 1
}

#[test]
fn files_fit_a_sitting() {
    super::assert_none("a file is too long", &long_files(&repository()));
}

#[test]
fn functions_fit_a_screen() {
    super::assert_none("a function is too long", &long_functions(&rust_sources()));
}

#[test]
fn clippy_counts_the_same() {
    let find = |path: &str| repository().into_iter().find(|source| source.path == path).expect("it exists").text;
    assert!(find("clippy.toml").contains(&format!("too-many-lines-threshold = {FUNCTION_LINES}")));
    assert!(find("Cargo.toml").contains("too_many_lines = \"warn\""));
}

#[test]
fn what_is_too_long_is_found() {
    let body = |lines: usize| format!("pub async fn long(a: [u8; 2]) {{\n{}}}\n", "    step();\n".repeat(lines));
    assert_eq!(long_files(&[Source::new("keys/src/a.rs", &"\n".repeat(501))]).len(), 1);
    assert_eq!(long_files(&[Source::new("keys/src/a.rs", &"\n".repeat(500))]).len(), 0);
    assert_eq!(long_functions(&[Source::new("keys/src/a.rs", &body(69))]).len(), 1);
    assert_eq!(long_functions(&[Source::new("keys/src/a.rs", &body(68))]).len(), 0);
    assert_eq!(long_functions(&[Source::new("auth-server/src/endpoints/token.rs", &body(39))]).len(), 1);
    let commented = format!("fn short() {{\n{}}}\ntrait T {{ fn no_body(&self); }}", "    // why\n\n".repeat(100));
    assert_eq!(long_functions(&[Source::new("keys/src/a.rs", &commented)]).len(), 0);
}
