//! Every sealed column is registered: one that is not would be lost when the key-encryption key is replaced.

use super::source::{Source, repository};

const REGISTRY: &str = "auth-server/src/key_lifecycle/sealed_columns.rs";

/// Tables with a column `key_encryption_key_id` that the registry does not name.
fn violations(sources: &[Source]) -> Vec<String> {
    let registry = sources.iter().find(|source| source.path == REGISTRY).expect("the registry").code();
    let migrations = sources.iter().filter(|source| source.path.starts_with("migrations/auth-server/sqlite/"));
    let mut found = Vec::new();
    for migration in migrations {
        for statement in migration.text.split(';') {
            let sealed = statement.contains("key_encryption_key_id");
            let words: Vec<&str> = statement.split(|c: char| c.is_whitespace() || c == '(').collect();
            let table = words.windows(2).find(|pair| pair[0] == "TABLE").map(|pair| pair[1]);
            if let Some(table) = table.filter(|table| sealed && !registry.contains(&format!("{table}::SEALED"))) {
                found.push(format!("{}: {table} is sealed and not in {REGISTRY}", migration.path));
            }
        }
    }
    found
}

#[test]
fn every_sealed_column_is_registered() {
    super::assert_none(
        "a sealed column that replacing the key-encryption key would forget",
        &violations(&repository()),
    );
}

#[test]
fn a_forgotten_column_is_found() {
    let registry = Source::new(REGISTRY, "static ALL: [&SealedColumn; 1] = [&signing_key::SEALED];");
    let sql = "CREATE TABLE signing_key (key_encryption_key_id TEXT);\nCREATE TABLE secret (a TEXT, key_encryption_key_id TEXT);";
    let found = violations(&[registry, Source::new("migrations/auth-server/sqlite/0001_a.sql", sql)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("secret"));
}
