//! That a machine takes tokens, written down once an hour for each block of addresses it comes from: a row for each token would put the database
//! in the way of every token.

use crate::{
    app::App,
    audit::{self, AuditEvent, AuditKind},
    clients::{Client, authenticate::Spent},
    grants::{GrantRefusal, TokenCall},
};
use moka::sync::Cache;
use shared::{db::Tx, http::AddressBlock};
use std::time::Duration;

/// How long one event stands for all tokens.
const RECORDED_EVERY: Duration = Duration::from_secs(60 * 60);
/// More pairs of client and block than this are not remembered at once; forgotten ones are recorded again.
const REMEMBERED_MAX_COUNT: u64 = 10_000;

/// Who took tokens from where, of late.
pub struct Takings(Cache<(String, Option<AddressBlock>), ()>);

impl Default for Takings {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED_MAX_COUNT).time_to_live(RECORDED_EVERY).build())
    }
}

/// Uses the client's proof up and records that it takes tokens from where the call came from, unless that was recorded within the hour by this process.
///
/// # Errors
/// The database does not answer, or the proof was used before; then there is no token.
pub(super) async fn record_taking(app: &App, client: &Client, call: &TokenCall<'_>) -> Result<Spent, GrantRefusal> {
    let key = (client.id.clone(), call.address_block);
    if app.takings.0.contains_key(&key) {
        return Ok(call.client.spend_alone(&app.store).await?);
    }
    let event = &AuditEvent::new(AuditKind::MachineTokensTaken, &*app.random, call.now)
        .client(&client.id)
        .by_client(&client.id);
    let take = |mut tx: Tx| async move {
        let spent = call.client.spend(&mut tx).await?;
        audit::record(&mut tx, event).await?;
        Ok::<_, GrantRefusal>(spent)
    };
    let spent = app.store.write(take).await?;
    app.takings.0.insert(key, ());
    Ok(spent)
}
