//! Rule 3: a token that was used or replaced a moment ago gets the family's live token again. Nothing rotates, and no end
//! moves.

use super::{Outcome, Presentation, Undone, chain::Chain, decide::REPLAYS_MAX};
use crate::{
    audit::{self, AuditEvent, AuditKind},
    grants::GrantRefusal,
    store::refresh_token::{self, Answer, LiveToken},
};
use shared::db::StoreError;

/// Answers again.
///
/// # Errors
/// The chain does not lead to the live token, or the store decided nothing.
pub(super) async fn answer_again(presentation: &Presentation<'_>, counted: bool) -> Result<Outcome, GrantRefusal> {
    let (app, call, stored) = (presentation.app, presentation.call, &presentation.stored);
    let live = presentation.live.ok_or(GrantRefusal::Chain("the family has no live token"))?;
    let chain = Chain::of(app, &stored.grant)?;
    let successor = chain.walk(presentation.token, stored.generation, live.generation, &live.hash)?;
    let answer = Answer {
        presented: presentation.token.hash(),
        live: live.hash,
        counted: i64::from(counted),
        replays_max: if counted { REPLAYS_MAX } else { i64::MAX },
        address_block: presentation.block.as_deref(),
    };
    let event = (presentation.block.is_some() && !live.seen_from_block).then(|| {
        AuditEvent::new(AuditKind::RefreshFromNewAddressBlock, &*app.random, call.now)
            .user(&stored.grant.user_id)
            .client(&stored.grant.client_id)
            .grant(&stored.grant.id)
            .by_client(&call.client.client.id)
    });
    if !counted && event.is_none() {
        if !still_stands(presentation, &live).await? {
            return Ok(Outcome::LostRace);
        }
        return Ok(Outcome::Answered(successor, call.client.spend_alone(&app.store).await?));
    }
    let (answer, event) = (&answer, event.as_ref());
    let done = app
        .store
        .write(|mut tx| async move {
            let spent = call.client.spend(&mut tx).await?;
            if !refresh_token::answer_again(&mut tx, answer, call.now).await? {
                return Err(Undone::LostRace);
            }
            if let Some(event) = event {
                audit::record(&mut tx, event).await?;
            }
            Ok(spent)
        })
        .await;
    match done {
        Ok(spent) => Ok(Outcome::Answered(successor, spent)),
        Err(undone) => undone.outcome(),
    }
}

/// A racer's answer writes nothing, so that racers do not stand in each other's way: it only looks once more.
async fn still_stands(presentation: &Presentation<'_>, live: &LiveToken) -> Result<bool, StoreError> {
    let (app, stored) = (presentation.app, &presentation.stored);
    let block = presentation.block.as_deref();
    let found = refresh_token::find_live(&mut app.store.read(), &stored.grant.id, stored.generation, block).await?;
    Ok(found.is_some_and(|found| found.hash == live.hash))
}
