//! Words that must not stand in the sources: silenced lints, skipped tests, sleeps instead of waiting, the paths of one person's machine.

use super::source::{Source, repository, root, rust_sources};

/// A word, where it must not stand, and why.
struct Forbidden {
    word: &'static str,
    under: &'static [&'static str],
    reason: &'static str,
}

const EVERYWHERE: &[&str] = &[""];

const FORBIDDEN: &[Forbidden] = &[
    Forbidden { word: "#[allow", under: EVERYWHERE, reason: "say #[expect(lint, reason = \"…\")]" },
    Forbidden { word: "#![allow", under: EVERYWHERE, reason: "say #![expect(lint, reason = \"…\")]" },
    Forbidden { word: "#[ignore", under: EVERYWHERE, reason: "nothing is skipped in silence" },
    Forbidden { word: "todo!", under: EVERYWHERE, reason: "what is begun is finished" },
    Forbidden {
        word: "sleep(",
        under: &["tests/in_process/", "tests/system/"],
        reason: "tests wait with system_tests::poll or move the clock",
    },
];

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code().lines().enumerate() {
            let concerns = |rule: &&Forbidden| rule.under.iter().any(|folder| source.path.starts_with(folder));
            for rule in FORBIDDEN.iter().filter(concerns).filter(|rule| line.contains(rule.word)) {
                found.push(format!("{}:{} {}: {}", source.path, number + 1, rule.word, rule.reason));
            }
        }
    }
    found
}

/// Lines that name a place on somebody's machine.
fn machine_paths(sources: &[Source], places: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                found.push(format!("{}:{} {}", source.path, number + 1, line.trim()));
            }
        }
    }
    found
}

/// Homes of people, and where this checkout and this person's home happen to be.
fn places() -> Vec<String> {
    let mut places: Vec<String> = ["home", "Users"].iter().map(|folder| format!("/{folder}/")).collect();
    places.push(root().to_string_lossy().into_owned());
    places.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1).map(|home| format!("{home}/")));
    places
}

#[test]
fn forbidden_words_do_not_stand_in_the_code() {
    super::assert_none("a forbidden word", &violations(&rust_sources()));
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    super::assert_none("the path of one machine", &machine_paths(&repository(), &places()));
}

#[test]
fn forbidden_words_are_found() {
    let found = |path: &str, text: &str| violations(&[Source::new(path, text)]).len();
    assert_eq!(found("keys/src/lib.rs", "#[allow(dead_code)]\nfn a() {}\n#![allow(unused)]"), 2);
    assert_eq!(found("tests/system/main.rs", "#[ignore]\n#[ignore = \"slow\"]"), 2);
    assert_eq!(found("tests/system/main.rs", "tokio::time::sleep(second).await;"), 1);
    assert_eq!(found("shared/src/db/train.rs", "tokio::time::sleep(pause).await; // #[allow nothing"), 0);
}

#[test]
fn the_path_of_a_machine_is_found() {
    let text = format!("see {}/notes.txt\nsee ./notes.txt", root().display());
    assert_eq!(machine_paths(&[Source::new("docs/a.md", &text)], &places()).len(), 1);
    let home = format!("cd /{}/somebody/postern", "home");
    assert_eq!(machine_paths(&[Source::new("docs/a.md", &home)], &places()).len(), 1);
}
