//! Which rooms may name a foreign crate. `deny.toml` decides which of our crates may depend on it; this decides where inside.

use super::source::{Source, is_word, rust_sources};

/// A foreign crate and the only places of the product that may name it.
struct Room {
    foreign: &'static str,
    /// The rule concerns sources under these.
    of: &'static [&'static str],
    /// Among them, files and folders that may name the crate.
    may: &'static [&'static str],
    reason: &'static str,
}

const PRODUCT: &[&str] = &["shared/", "keys/", "auth-server/", "resource-server/", "standalone/"];

const ROOMS: &[Room] = &[
    Room { foreign: "sqlx", of: PRODUCT, may: &["shared/src/db/"], reason: "SQL goes through one seam" },
    Room {
        foreign: "redis",
        of: PRODUCT,
        may: &["shared/src/ephemeral/"],
        reason: "what may vanish goes through one trait",
    },
    Room {
        foreign: "jsonwebtoken",
        of: PRODUCT,
        may: &["keys/src/", "shared/src/protocol/jwt/"],
        reason: "tokens are verified in one place and signed in one",
    },
    Room {
        foreign: "oxide_auth",
        of: PRODUCT,
        may: &[
            "auth-server/src/authorization/",
            "auth-server/src/grants/",
            "auth-server/src/endpoints/guard.rs",
            "auth-server/src/error.rs",
        ],
        reason: "the protocol core is driven by the drivers, guards our own endpoints and has its errors translated in one table",
    },
    Room { foreign: "rmcp", of: PRODUCT, may: &["resource-server/src/upstreams/"], reason: "rmcp is one upstream" },
    Room {
        foreign: "askama",
        of: PRODUCT,
        may: &["auth-server/src/pages/", "auth-server/src/endpoints/pages/page.rs"],
        reason: "only pages have templates",
    },
    Room {
        foreign: "axum",
        of: &["auth-server/"],
        may: &[
            "auth-server/src/router.rs",
            "auth-server/src/endpoints/",
            "auth-server/src/app.rs",
            "auth-server/src/pages/",
            "auth-server/src/error.rs",
        ],
        reason: "rules know nothing of HTTP",
    },
    Room { foreign: "axum", of: &["shared/"], may: &["shared/src/http/"], reason: "HTTP manners live in one place" },
    Room { foreign: "axum", of: &["keys/", "standalone/"], may: &[], reason: "they speak no HTTP" },
];

fn violations(sources: &[Source], rooms: &[Room]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let code = source.code();
        for room in rooms.iter().filter(|room| room.of.iter().any(|folder| source.path.starts_with(folder))) {
            if room.may.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for line in lines_naming(&code, room.foreign) {
                found.push(format!("{}:{line} names {}: {}", source.path, room.foreign, room.reason));
            }
        }
    }
    found
}

/// Line numbers where the code names the crate, as `name::…` or `use name`.
fn lines_naming(code: &str, foreign: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let is_named = |(at, _): &(usize, &str)| {
        let before = code[..*at].trim_end();
        let after = code[at + foreign.len()..].trim_start();
        let starts_a_path = *at == 0 || !is_word(bytes[at - 1]) && (!before.ends_with("::") || is_absolute(before));
        let ends_here = !code[at + foreign.len()..].bytes().next().is_some_and(is_word);
        starts_a_path && ends_here && (after.starts_with("::") || before.ends_with("use"))
    };
    code.match_indices(foreign).filter(is_named).map(|(at, _)| code[..at].matches('\n').count() + 1).collect()
}

/// `::name` with nothing before it is a path from the root, `shared::name` is not.
fn is_absolute(before: &str) -> bool {
    !before.trim_end_matches("::").bytes().last().is_some_and(|byte| is_word(byte) || byte == b'>')
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    super::assert_none("a foreign crate is named outside its room", &violations(&rust_sources(), ROOMS));
}

#[test]
fn a_foreign_crate_outside_its_room_is_found() {
    let found = |path: &str, text: &str| violations(&[Source::new(path, text)], ROOMS).len();
    assert_eq!(found("auth-server/src/store/clients.rs", "use sqlx::Row;"), 1);
    assert_eq!(found("auth-server/src/store/clients.rs", "fn a() {\n let b = ::sqlx::query(\"\"); }"), 1);
    assert_eq!(found("resource-server/src/app.rs", "use redis as r;"), 1);
    assert_eq!(found("auth-server/src/tokens/mint.rs", "fn a(b: axum::extract::Path<u8>) {}"), 1);
    assert_eq!(found("keys/src/ring.rs", "use axum::Router;"), 1);
    assert_eq!(found("auth-server/src/users/mod.rs", "use oxide_auth::primitives::scope::Scope;"), 1);
    assert_eq!(found("shared/src/protocol/pkce.rs", "use jsonwebtoken::decode;"), 1);
    assert_eq!(found("resource-server/src/bearer/verify.rs", "let a = rmcp::model::Tool::new();"), 1);
}

#[test]
fn a_foreign_crate_in_its_room_or_in_words_only_is_not_found() {
    let found = |path: &str, text: &str| violations(&[Source::new(path, text)], ROOMS).len();
    assert_eq!(found("shared/src/db/store.rs", "use sqlx::Row;"), 0);
    assert_eq!(found("auth-server/src/store/clients.rs", "// sqlx::Row is not for here\nlet a = \"sqlx::x\";"), 0);
    assert_eq!(found("shared/src/rate_limit/mod.rs", "use crate::ephemeral::redis::RedisEphemeral; my_redis::x();"), 0);
    assert_eq!(found("tests/in_process/main.rs", "use sqlx::Row;"), 0);
}
