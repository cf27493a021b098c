//! Rule 2: a live token is consumed and its successor created, in one transaction. The row count decides the race.

use super::{Outcome, Presentation, Undone, chain::Chain};
use crate::{
    grants::GrantRefusal,
    store::refresh_token::{self, NewRefreshToken},
};

/// Rotates.
///
/// # Errors
/// The chain's key is missing, or the store decided nothing.
pub(super) async fn rotate(presentation: &Presentation<'_>) -> Result<Outcome, GrantRefusal> {
    let (app, call, grant) = (presentation.app, presentation.call, &presentation.stored.grant);
    let generation = presentation.stored.generation + 1;
    let successor = Chain::of(app, grant)?.next(presentation.token, generation);
    let block = presentation.block.as_deref();
    let presented = presentation.token.hash();
    let row = NewRefreshToken {
        hash: successor.hash(),
        grant_id: &grant.id,
        generation,
        created_at: call.now,
        expires_at: grant.expires_at.min(call.now + app.lifetimes.refresh_idle_seconds),
        address_block: block,
    };
    let (presented, row) = (&presented, &row);
    let done = app
        .store
        .write(|mut tx| async move {
            let spent = call.client.spend(&mut tx).await?;
            if !refresh_token::consume(&mut tx, presented, block, call.now).await? {
                return Err(Undone::LostRace);
            }
            refresh_token::insert(&mut tx, row).await?;
            Ok(spent)
        })
        .await;
    match done {
        Ok(spent) => Ok(Outcome::Answered(successor, spent)),
        Err(undone) => undone.outcome(),
    }
}
