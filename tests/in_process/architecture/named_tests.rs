//! What `docs/conformance.md` and `docs/threat-model.md` claim is shown by a test: each name in them stands for one, each requirement
//! has a row, and each row a test or a word that it is still to come.

use super::source::{Source, repository};
use std::collections::BTreeSet;

const DOCUMENTS: [&str; 2] = ["docs/conformance.md", "docs/threat-model.md"];
/// Crates as paths name them, and where their modules are.
const CRATES: [(&str, &str); 6] = [
    ("in_process", "tests/in_process"),
    ("system", "tests/system"),
    ("shared", "shared/src"),
    ("keys", "keys/src"),
    ("auth_server", "auth-server/src"),
    ("resource_server", "resource-server/src"),
];
/// Rows that the conformance page must have beside those of the Model Context Protocol.
const REQUIRED: [&str; 91] = [
    "§2.1", "§2.1.1", "§2.1.2", "§2.2.1", "§2.2.2", "§2.3", "§2.4", "§2.5", "§2.6", "§4.1", "§4.2", "§4.3", "§4.4",
    "§4.5", "§4.6", "§4.7", "§4.8", "§4.9", "§4.10", "§4.11", "§4.12", "§4.13", "§4.14", "§4.15", "§4.16", "§4.17",
    "E1", "E9", "E11", "E12", "E13", "E14", "E15", "E16", "E17", "E18", "E19", "E20", "E21", "E22", "E23", "E24",
    "E25", "E26", "E27", "E28", "E29", "E30", "E31", "E32", "E33", "E34", "E35", "E36", "E37", "E38", "E39", "E40",
    "E41", "E50", "E59", "E61", "E62", "E64", "E69", "E72", "E74", "E75", "E76", "E77", "E78", "E79", "E80", "E81",
    "E82", "E84", "E91", "G2", "G3", "G5", "G6", "G7", "G18", "G19", "A4", "A14", "A15", "AS-1", "AS-9", "AS-13",
    "AS-22",
];
/// How the requirements of the Model Context Protocol are named (T: its stateless transport, L: those before it), and how many there are
/// under each name, from 1 on.
const MCP_REQUIREMENTS: [(&str, usize); 4] = [("AS", 22), ("RS", 15), ("T", 22), ("L", 9)];
/// JSON-RPC codes that MCP 2026-07-28 retired, and those that it defines of the range that is its own.
const RETIRED_CODES: [&str; 2] = ["-32002", "-32042"];
const DEFINED_CODES: [&str; 3] = ["-32020", "-32021", "-32022"];

/// The code spans of a line that name a test.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |span: &&str| {
        let path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
        let (first, rest) = span.split_once("::").unwrap_or_default();
        !rest.is_empty() && span.chars().all(path) && CRATES.iter().any(|(name, _)| *name == first)
    };
    line.split('`').skip(1).step_by(2).filter(is_name)
}

/// Whether `name`, a path of modules and a function, is a test.
fn is_test(name: &str, sources: &[Source]) -> bool {
    let (modules, function) = name.rsplit_once("::").unwrap_or_default();
    let (first, rest) = modules.split_once("::").unwrap_or((modules, ""));
    let Some((_, root)) = CRATES.iter().find(|(name, _)| *name == first) else { return false };
    let stem = format!("{root}/{}", rest.replace("::", "/"));
    let places = [format!("{stem}.rs"), format!("{stem}/mod.rs"), format!("{stem}/tests.rs")];
    sources.iter().filter(|source| places.contains(&source.path)).any(|source| declares_test(&source.code(), function))
}

fn declares_test(code: &str, function: &str) -> bool {
    let Some(at) = code.find(&format!("fn {function}(")) else { return false };
    let attributes = code[..at].rsplit(['}', ';']).next().unwrap_or_default();
    let is_marked = ["#[test]", "#[tokio::test"].iter().any(|mark| attributes.contains(mark));
    let lists = code.split("for_each_database!(").chain(code.split("on_each!(")).skip(1);
    let mut listed = lists.filter_map(|rest| rest.split(')').next()).flat_map(|list| list.split([',', ' ', '\n']));
    is_marked || listed.any(|word| word == function)
}

/// Names that stand for no test.
fn unknown(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for document in sources.iter().filter(|source| DOCUMENTS.contains(&source.path.as_str())) {
        for (number, line) in document.text.lines().enumerate() {
            for name in names(line).filter(|name| !is_test(name, sources)) {
                found.push(format!("{}:{} `{name}` is no test", document.path, number + 1));
            }
        }
    }
    found
}

/// Rows of the tables of a document: their first and last cells.
fn rows(document: &str) -> impl Iterator<Item = (&str, &str)> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| Some((row.split(" | ").next()?, row.rsplit(" | ").next()?)));
    cells.filter(|(_, last)| *last != "test")
}

/// Rows that show nothing and do not say so.
fn unproven(document: &str) -> Vec<String> {
    let excused = |last: &str| last.starts_with("later") || last.starts_with("not applicable");
    let silent = rows(document).filter(|(_, last)| names(last).next().is_none() && !excused(last));
    silent.map(|(first, _)| format!("{first} has no test")).collect()
}

fn missing(document: &str) -> Vec<String> {
    let there: BTreeSet<&str> = rows(document).map(|(first, _)| first).collect();
    let numbered = |(prefix, count): (&'static str, usize)| (1..=count).map(move |number| format!("{prefix}-{number}"));
    let wanted = REQUIRED.iter().map(|id| (*id).to_owned()).chain(MCP_REQUIREMENTS.into_iter().flat_map(numbered));
    wanted.filter(|id| !there.contains(id.as_str())).map(|id| format!("{id} has no row")).collect()
}

/// Codes in the product that the revision retired, or never defined.
fn retired_codes(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("resource-server/src/")) {
        let code = source.code();
        for (at, _) in code.match_indices("-320") {
            let number: String = code[at..].chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
            let reserved = ("-32020".."-32100").contains(&number.as_str()) && number.len() == 6;
            if RETIRED_CODES.contains(&number.as_str()) || reserved && !DEFINED_CODES.contains(&number.as_str()) {
                found.push(format!("{} sends {number}", source.path));
            }
        }
    }
    found
}

fn text(path: &str) -> String {
    repository().into_iter().find(|source| source.path == path).expect("the document is there").text
}

#[test]
fn every_name_is_a_test() {
    super::assert_none("a document names a test that does not exist", &unknown(&repository()));
}

#[test]
fn every_claim_is_shown() {
    for document in DOCUMENTS {
        super::assert_none("a claim without a test", &unproven(&text(document)));
    }
}

#[test]
fn every_requirement_has_a_row() {
    super::assert_none("a requirement is missing", &missing(&text("docs/conformance.md")));
}

#[test]
fn no_retired_code_is_sent() {
    super::assert_none("a code that MCP 2026-07-28 does not define", &retired_codes(&repository()));
    let found = |text: &str| retired_codes(&[Source::new("resource-server/src/mcp/x.rs", text)]).len();
    assert_eq!(found("const A: i64 = -32002; fn b() { c(-32042, -32077) }"), 3);
    assert_eq!(found("const A: i64 = -32020; const B: i64 = -32602; const C: i64 = -32000;"), 0);
}

#[test]
fn what_is_not_shown_is_found() {
    let code = Source::new(
        "tests/in_process/attacks/mix_up.rs",
        "#[tokio::test]\nasync fn right() {}\nasync fn helper() {}\nasync fn both(s: &Store) {}\nfor_each_database!(both);",
    );
    let inner = Source::new("shared/src/sealing/mod.rs", "#[cfg(test)]\nmod tests {\n #[test]\n fn opens() {}\n}");
    let found = |text: &str| {
        let document = Source::new("docs/conformance.md", text);
        unknown(&[code.clone(), inner.clone(), document]).len()
    };
    assert_eq!(
        found("`in_process::attacks::mix_up::right`, `in_process::attacks::mix_up::both`, `shared::sealing::opens`"),
        0
    );
    assert_eq!(found("`in_process::attacks::mix_up::helper`"), 1);
    assert_eq!(found("`in_process::attacks::mix_up::wrong`, `in_process::attacks::nowhere::right`"), 2);
    assert_eq!(found("`shared::sealing::opens_nowhere`, `http://a::b`, `std::fmt::Debug`, `a: b`"), 1);
}

#[test]
fn a_row_that_is_missing_or_empty_is_found() {
    let table =
        "| requirement | what | test |\n|---|---|---|\n| AS-1 | x | `in_process::a::b` |\n| AS-2 | y | later |\n";
    assert!(unproven(table).is_empty());
    assert_eq!(unproven(&format!("{table}| AS-3 | z | it is fine |\n")), ["AS-3 has no test"]);
    assert!(!missing(table).contains(&"AS-1 has no row".to_owned()));
    for id in ["AS-3", "RS-1", "RS-15", "T-22", "L-9", "E31"] {
        assert!(missing(table).contains(&format!("{id} has no row")), "{id}");
    }
}
