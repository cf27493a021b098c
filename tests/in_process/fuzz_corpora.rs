//! What fuzzing found, replayed without libFuzzer: every file of `fuzz/corpus/TARGET` goes to the same function (`fuzz/README.md`).

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;
use system_tests::{fuzz_targets::TARGETS, process::repository};

fn fuzz_folder() -> PathBuf {
    repository().join("fuzz")
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(fuzz_folder().join("corpus").join(target)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz_folder().join(folder)).expect("the folder is there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned()).collect()
}

/// In their order.
fn binaries() -> Vec<String> {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let bins = manifest["bin"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = bins.iter().filter_map(|bin| bin["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

#[test]
fn every_target_is_complete() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "a target is named once");
    assert_eq!(names_in("corpus"), targets, "each target has a corpus, and each corpus a target");
    assert_eq!(names_in("fuzz_targets"), targets, "each target has a binary");
    assert_eq!(binaries(), targets.iter().cloned().collect::<Vec<_>>(), "each binary is declared, and once");
    for target in TARGETS {
        assert!(!corpus(target.name).is_empty(), "the corpus of {} is empty", target.name);
    }
}

#[test]
fn every_corpus_passes() {
    let mut failed = Vec::new();
    for target in TARGETS {
        for file in corpus(target.name) {
            let bytes = fs::read(&file).expect("a file of the corpus");
            if catch_unwind(|| (target.run)(&bytes)).is_err() {
                failed.push(file.display().to_string());
            }
        }
    }
    assert!(failed.is_empty(), "these inputs show a fault:\n  {}", failed.join("\n  "));
}

/// The replay sees what a body sees: a body that is wrong about something fails on the first file that shows it.
#[test]
fn a_finding_would_be_seen() {
    let wrong = |bytes: &[u8]| assert!(!bytes.starts_with(b"https"), "https is a redirect URI");
    let found =
        corpus("redirect_uri").iter().any(|file| catch_unwind(|| wrong(&fs::read(file).expect("read"))).is_err());
    assert!(found);
}
