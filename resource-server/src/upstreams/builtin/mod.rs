//! The built-in tools: what makes a fresh installation worth trying.

mod event_store;
mod tools;

use super::rmcp_upstream::{RmcpLimits, RmcpUpstream};
use shared::{clock::SharedClock, db::Store, random::SharedRandom};
use tokio_util::sync::CancellationToken;

pub use tools::{BuiltinTools, EVENTS_MAX_PER_USER, STARTS_AT_MAX_CHARS, TITLE_MAX_CHARS};

/// The built-in tools over `store`; `stop` ends their streams.
pub fn builtin(
    store: Store,
    clock: SharedClock,
    random: SharedRandom,
    limits: &RmcpLimits,
    stop: CancellationToken,
) -> RmcpUpstream<BuiltinTools> {
    let tools = BuiltinTools::new(store, clock, random);
    let described = tools.describe();
    RmcpUpstream::new(tools, &described, limits, stop)
}
