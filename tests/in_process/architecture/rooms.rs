//! Inside a server arrows point one way: router → endpoints → rules → store. A room must not name one that is above it.

use super::source::{Source, is_word, rust_sources};

/// Rooms below, and the modules of the same crate that they must not name.
struct Below {
    rooms: &'static [&'static str],
    above: &'static [&'static str],
}

const AUTH_RULES: &[&str] = &[
    "auth-server/src/administration/",
    "auth-server/src/audit/",
    "auth-server/src/authorization/",
    "auth-server/src/change_log/",
    "auth-server/src/clients/",
    "auth-server/src/consent/",
    "auth-server/src/grants/",
    "auth-server/src/identity/",
    "auth-server/src/key_lifecycle/",
    "auth-server/src/organizations/",
    "auth-server/src/parameters.rs",
    "auth-server/src/resources/",
    "auth-server/src/tokens/",
    "auth-server/src/users/",
];

const ARROWS: &[Below] = &[
    Below { rooms: AUTH_RULES, above: &["router", "endpoints", "pages", "cli", "serve"] },
    Below {
        rooms: &["auth-server/src/store/"],
        above: &["router", "endpoints", "pages", "cli", "serve", "authorization", "grants", "consent", "app", "error"],
    },
    Below { rooms: &["auth-server/src/endpoints/"], above: &["cli", "serve"] },
    Below {
        rooms: &[
            "resource-server/src/bearer/",
            "resource-server/src/identification/",
            "resource-server/src/policy/",
            "resource-server/src/trusted_issuers/",
        ],
        above: &["router", "pipeline", "app", "cli", "serve", "refusal"],
    },
    Below {
        rooms: &["resource-server/src/mcp/", "resource-server/src/issuer/", "resource-server/src/upstreams/"],
        above: &["router", "pipeline", "app", "cli", "serve"],
    },
    Below {
        rooms: &["resource-server/src/mcp/"],
        above: &["upstreams", "policy", "identification", "issuer", "trusted_issuers"],
    },
    // identification → trusted issuers → issuer → bearer.
    Below { rooms: &["resource-server/src/bearer/"], above: &["issuer", "trusted_issuers", "identification"] },
    Below { rooms: &["resource-server/src/issuer/"], above: &["trusted_issuers", "identification"] },
    Below { rooms: &["resource-server/src/trusted_issuers/"], above: &["identification"] },
];

fn violations(sources: &[Source], arrows: &[Below]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let code = source.code();
        for below in arrows.iter().filter(|below| below.rooms.iter().any(|room| source.path.starts_with(room))) {
            for above in below.above.iter().filter(|above| names_own_module(&code, above)) {
                found.push(format!("{} names {above}, which is above it", source.path));
            }
        }
    }
    found
}

/// Whether the code names `crate::module`, alone or in a list of imports.
fn names_own_module(code: &str, module: &str) -> bool {
    let flat: String = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("crate:: {", "crate::{");
    flat.match_indices("crate::").any(|(at, _)| {
        let path = &flat[at + "crate::".len()..];
        match path.strip_prefix('{') {
            Some(list) => top_level_items(list).iter().any(|item| starts_with_word(item, module)),
            None => starts_with_word(path, module),
        }
    })
}

fn starts_with_word(path: &str, word: &str) -> bool {
    path.trim_start().strip_prefix(word).is_some_and(|rest| !rest.bytes().next().is_some_and(is_word))
}

/// The items between the braces of an import, without what is nested in them.
fn top_level_items(list: &str) -> Vec<String> {
    let (mut items, mut item, mut depth) = (Vec::new(), String::new(), 0_u32);
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(character),
            _ => {}
        }
    }
    items.push(item);
    items
}

#[test]
fn arrows_inside_a_server_point_one_way() {
    super::assert_none("a room names one above it", &violations(&rust_sources(), ARROWS));
}

#[test]
fn an_arrow_that_points_back_is_found() {
    let found = |path: &str, text: &str| violations(&[Source::new(path, text)], ARROWS).len();
    assert_eq!(found("auth-server/src/grants/mod.rs", "use crate::endpoints::form::Parameters;"), 1);
    assert_eq!(found("auth-server/src/users/a.rs", "use crate::{\n    app::App,\n    pages::{site, notice},\n};"), 1);
    assert_eq!(found("auth-server/src/store/client.rs", "fn a() -> crate::app::App {}"), 1);
    assert_eq!(found("resource-server/src/bearer/cache.rs", "use crate::pipeline::Pipeline;"), 1);
    assert_eq!(found("resource-server/src/bearer/cache.rs", "use crate::issuer::jwks::JwksCache;"), 1);
    assert_eq!(found("resource-server/src/mcp/tools_list.rs", "use crate::upstreams::ToolDefinition;"), 1);
}

#[test]
fn an_arrow_that_points_down_is_not_found() {
    let found = |path: &str, text: &str| violations(&[Source::new(path, text)], ARROWS).len();
    assert_eq!(found("auth-server/src/grants/mod.rs", "use crate::{store::client, users::{pages, User}};"), 0);
    assert_eq!(found("auth-server/src/endpoints/token.rs", "use crate::{grants, router::paths};"), 0);
    assert_eq!(
        found("auth-server/src/store/client.rs", "// crate::endpoints is above\nuse crate::clients::Client;"),
        0
    );
    assert_eq!(found("auth-server/src/users/mod.rs", "use crate::endpoints_of_life;"), 0);
}
