//! Which of our crates may depend on which (`shared <- keys <- auth-server`, `shared <- resource-server`, `standalone -> both`), and that
//! each takes the lints of the workspace.

use super::source::{Source, repository};

/// A crate of the workspace and those of our crates that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("keys", &["shared"]),
    ("auth-server", &["shared", "keys"]),
    ("resource-server", &["shared"]),
    ("standalone", &["shared", "auth-server", "resource-server"]),
    ("tests", &["shared", "keys", "auth-server", "resource-server"]),
];

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with("/Cargo.toml") && source.top() != "fuzz") {
        let manifest: toml::Table = source.text.parse().expect("a manifest is TOML");
        let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == source.top()) else {
            found.push(format!("{} is a crate that the arrows do not know", source.path));
            continue;
        };
        for ours in dependencies(&manifest).filter(|name| ARROWS.iter().any(|(crate_name, _)| crate_name == name)) {
            if !may.contains(&ours.as_str()) {
                found.push(format!("{} must not depend on {ours}", source.top()));
            }
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if lints != Some(true) {
            found.push(format!("{} does not take the lints of the workspace", source.path));
        }
    }
    found
}

/// Names of the crates that a manifest depends on, under whatever name and for whatever target.
fn dependencies(manifest: &toml::Table) -> impl Iterator<Item = String> {
    let mut names = Vec::new();
    let targets =
        manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|targets| targets.values());
    for holder in std::iter::once(manifest).chain(targets.filter_map(toml::Value::as_table)) {
        for table in TABLES.iter().filter_map(|table| holder.get(*table).and_then(toml::Value::as_table)) {
            for (name, value) in table {
                names.push(value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned());
            }
        }
    }
    names.into_iter()
}

#[test]
fn crates_depend_in_one_direction() {
    super::assert_none("an arrow points the wrong way", &violations(&repository()));
}

#[test]
fn an_arrow_that_points_the_wrong_way_is_found() {
    let found = |path: &str, text: &str| {
        let lints = "\n[lints]\nworkspace = true\n";
        violations(&[Source::new(path, &format!("{text}{lints}"))]).len()
    };
    assert_eq!(found("shared/Cargo.toml", "[dependencies]\nkeys.workspace = true"), 1);
    assert_eq!(
        found("resource-server/Cargo.toml", "[dependencies]\nother = { package = \"auth-server\", path = \"\" }"),
        1
    );
    assert_eq!(found("resource-server/Cargo.toml", "[target.'cfg(unix)'.dev-dependencies]\nkeys.workspace = true"), 1);
    assert_eq!(found("news/Cargo.toml", ""), 1);
    assert_eq!(found("auth-server/Cargo.toml", "[dependencies]\nkeys.workspace = true\nshared.workspace = true"), 0);
    assert_eq!(violations(&[Source::new("keys/Cargo.toml", "[dependencies]\nshared.workspace = true")]).len(), 1);
}
