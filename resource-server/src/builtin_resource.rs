//! The resource that the built-in tools make: its scopes, in words for the consent page, and who may hold them.

use shared::protocol::resource_document::{ADMINISTRATOR_ROLE, MEMBER_ROLE, ResourceScope};

/// What clients are told to ask for first; more comes by step-up.
pub const FIRST_SCOPES: [&str; 1] = ["mcp.read"];

/// Everybody who may sign in: administrators are members, too.
const EVERYONE: [&str; 1] = [MEMBER_ROLE];
/// Who runs the place.
const ADMINISTRATORS: [&str; 1] = [ADMINISTRATOR_ROLE];

/// The scopes. To write is not to read: a client that only notes events needs no list of them.
pub fn scopes() -> Vec<ResourceScope> {
    vec![
        scope("mcp.read", "See who you are and list your events", &[], &EVERYONE, &["whoami", "list_events"]),
        scope("mcp.write", "Create events for you", &[], &EVERYONE, &["create_event"]),
        scope("mcp.admin", "Remove all your events", &["mcp.read", "mcp.write"], &ADMINISTRATORS, &["clear_events"]),
    ]
}

fn scope(name: &str, description: &str, implies: &[&str], roles: &[&str], tools: &[&str]) -> ResourceScope {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    ResourceScope {
        name: name.to_owned(),
        description: description.to_owned(),
        implies: owned(implies),
        roles: owned(roles),
        tools: owned(tools),
    }
}
