//! What administrators can do: each operation once, in a table, for HTTP, for the shell and for the document that describes it.
//!
//! An operation parses its input, calls the rule that the other rooms have, and shows the result. It knows neither HTTP nor the shell.

mod audit_events;
mod clients;
mod find_administrator;
mod grants;
mod input;
mod keys;
pub mod operation;
mod organizations;
pub mod page;
mod refusal;
mod resource_servers;
mod resources;
pub mod schema;
mod sessions;
mod users;
mod version;
pub(crate) mod views;

pub use find_administrator::{NotAdministrator, find_administrator};
pub use input::Input;
pub use operation::{Call, Collection, Operation, Reply, Verb};
pub use refusal::Refusal;

use crate::{app::App, audit::Actor, change_log::follower::catch_up_if_possible};
use shared::clock::UnixSeconds;

/// Every collection, in the order in which people read them.
pub const COLLECTIONS: &[Collection] = &[
    users::COLLECTION,
    organizations::COLLECTION,
    clients::COLLECTION,
    resource_servers::COLLECTION,
    resources::COLLECTION,
    grants::COLLECTION,
    sessions::COLLECTION,
    keys::COLLECTION,
    audit_events::COLLECTION,
];

/// Every operation.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    COLLECTIONS.iter().flat_map(|collection| collection.operations)
}

/// Performs an operation for `actor`, who may do so. What it changed, this instance knows when it returns; others hear of it through the
/// change log.
///
/// # Errors
/// [`Refusal`]; then nothing happened, unless it says that nobody knows.
pub async fn perform(
    app: &App,
    operation: &Operation,
    actor: &Actor,
    input: &Input,
    now: UnixSeconds,
) -> Result<Reply, Refusal> {
    let reply = (operation.run)(&Call { app, actor, input, now }).await?;
    if operation.changes() {
        catch_up_if_possible(app).await;
    }
    Ok(reply)
}
