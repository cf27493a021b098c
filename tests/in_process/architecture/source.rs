//! The files that the rules look at, and just enough of Rust's grammar to tell code from comments and strings.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
}

impl Source {
    /// A synthetic file, for the tests of the rules.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// True for Rust sources.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The first part of the path: the crate, or a folder such as `docs`.
    pub fn top(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The code alone: comments and the contents of strings are replaced by spaces, lines stay where they are.
    pub fn code(&self) -> String {
        blank_comments_and_strings(&self.text)
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_path_buf()
}

/// Every text file of the repository that people write, without what is built, installed or made by a run.
pub fn repository() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root(), &root(), &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.iter().any(|source| source.path == "Cargo.toml"), "the repository was not found");
    sources
}

/// The Rust sources of the repository.
pub fn rust_sources() -> Vec<Source> {
    repository().into_iter().filter(Source::is_rust).collect()
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    const MADE: [&str; 4] = ["target", "data", "tests/out", "fuzz/target"];
    for entry in fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = path.strip_prefix(root).expect("it lies under the root").to_string_lossy().into_owned();
        let is_lock = name.ends_with(".lock") || name == "package-lock.json";
        if MADE.contains(&relative.as_str()) || name == "node_modules" || name == ".git" || is_lock {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            sources.push(Source { path: relative, text });
        }
    }
}

/// See [`Source::code`]. Knows line and nested block comments, strings, raw strings and characters; a lifetime is none of these.
fn blank_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !continues_a_word(bytes, at) => raw_string_end(bytes, at).unwrap_or(at),
            b'b' if bytes.get(at + 1) == Some(&b'r') && !continues_a_word(bytes, at) => {
                raw_string_end(bytes, at + 1).unwrap_or(at)
            }
            b'\'' => character_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            let width = text[at..].chars().next().map_or(1, char::len_utf8);
            code.push_str(&text[at..at + width]);
            at += width;
        } else {
            code.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

fn continues_a_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1]) && !(bytes[at - 1] == b'b' && (at < 2 || !is_word(bytes[at - 2])))
}

/// True for a byte that may stand in an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |offset| at + offset)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut at) = (0, at);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let start = at + 1 + hashes;
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[start + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |offset| start + 1 + offset + close.len()))
}

fn character_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at + 1) == Some(&b'\\') {
        return bytes[at + 3..].iter().position(|byte| *byte == b'\'').map(|offset| at + 3 + offset + 1);
    }
    let first = std::str::from_utf8(&bytes[at + 1..(at + 5).min(bytes.len())])
        .map_or_else(|error| 1.max(error.valid_up_to()), |text| text.chars().next().map_or(1, char::len_utf8));
    (bytes.get(at + 1 + first) == Some(&b'\'')).then_some(at + first + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_comments_and_strings() {
        let text = concat!(
            "let a = \"sqlx::x \\\" y\"; // sqlx::one\n",
            "/* sqlx::two /* nested */ sqlx::three */ let b = r#\"sqlx::\"four\"#;\n",
            "let c = br\"sqlx::five\"; fn d<'a>(e: &'a str) -> char { '\"' }\n",
            "let f = '\\''; sqlx::real(); let g = 'é'; let r = 1;\n",
        );
        let code = blank_comments_and_strings(text);
        assert_eq!(code.matches("sqlx::").count(), 1, "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(code.contains("fn d<'a>(e: &'a str) -> char {"), "{code}");
        assert!(code.contains("let r = 1;"), "{code}");
    }

    #[test]
    fn the_repository_is_found_without_what_a_run_made() {
        let sources = repository();
        assert!(sources.iter().any(|source| source.path == "shared/src/lib.rs"));
        assert!(sources.iter().all(|source| !source.path.contains("node_modules/")));
    }
}
