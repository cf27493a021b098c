//! Every migration exists for both databases, under one name, and numbers leave no gap.

use std::collections::BTreeSet;

use super::source::{Source, repository};

const SERVERS: [&str; 2] = ["auth-server", "resource-server"];
const DIALECTS: [&str; 2] = ["sqlite", "postgres"];

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for server in SERVERS {
        let [sqlite, postgres] = DIALECTS.map(|dialect| names(sources, &format!("migrations/{server}/{dialect}/")));
        found.extend(
            sqlite.symmetric_difference(&postgres).map(|name| format!("{server}: {name} exists for one database only")),
        );
        for (index, name) in sqlite.iter().enumerate() {
            let is_named = name.starts_with(&format!("{:04}_", index + 1)) && name.ends_with(".sql");
            if !is_named {
                found.push(format!("{server}: {name} should be {:04}_name.sql", index + 1));
            }
        }
    }
    let known = |source: &Source| {
        let mut parts = source.path.split('/').skip(1);
        let (server, dialect) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        SERVERS.contains(&server) && DIALECTS.contains(&dialect) || source.path.ends_with(".md")
    };
    let strangers = sources.iter().filter(|source| source.top() == "migrations" && !known(source));
    found.extend(strangers.map(|source| format!("{} belongs to no server and database", source.path)));
    found
}

fn names(sources: &[Source], folder: &str) -> BTreeSet<String> {
    sources.iter().filter_map(|source| source.path.strip_prefix(folder)).map(str::to_owned).collect()
}

#[test]
fn migrations_come_in_pairs() {
    super::assert_none("a migration is not paired", &violations(&repository()));
}

#[test]
fn a_migration_without_its_pair_is_found() {
    let path = |path: &str| Source::new(&format!("migrations/{path}"), "");
    let pair = [path("auth-server/sqlite/0001_users.sql"), path("auth-server/postgres/0001_users.sql")];
    assert!(violations(&pair).is_empty());
    assert_eq!(violations(&pair[..1]).len(), 1);
    let gap = [path("auth-server/sqlite/0002_users.sql"), path("auth-server/postgres/0002_users.sql")];
    assert_eq!(violations(&gap).len(), 1);
    assert_eq!(violations(&[path("auth-server/mysql/0001_users.sql")]).len(), 1);
}
