//! Rule 4: the answer to a token was lost, for nobody ever presented what it handed out. That one is superseded, the next in
//! the chain takes its place and its end, and the token counts as answered now: a lost answer never costs the user the
//! connection, and racers get one answer.

use super::{Outcome, Presentation, Undone, chain::Chain};
use crate::{
    grants::GrantRefusal,
    store::refresh_token::{self, NewRefreshToken},
};

/// Supersedes: the answer moves and the unpresented token goes, both or neither.
///
/// # Errors
/// The chain does not lead to the live token, or the store decided nothing.
pub(super) async fn supersede(presentation: &Presentation<'_>) -> Result<Outcome, GrantRefusal> {
    let (app, call, stored) = (presentation.app, presentation.call, &presentation.stored);
    let live = presentation.live.ok_or(GrantRefusal::Chain("the family has no live token"))?;
    let answered_at = stored.answered_at.ok_or(GrantRefusal::Chain("the token was never answered"))?;
    let chain = Chain::of(app, &stored.grant)?;
    let lost = chain.walk(presentation.token, stored.generation, live.generation, &live.hash)?;
    let successor = chain.next(&lost, live.generation + 1);
    let block = presentation.block.as_deref();
    let row = NewRefreshToken {
        hash: successor.hash(),
        grant_id: &stored.grant.id,
        generation: live.generation + 1,
        created_at: call.now,
        expires_at: live.expires_at,
        address_block: block,
    };
    let (presented, live, row) = (presentation.token.hash(), &live, &row);
    let presented = &presented;
    let done = app
        .store
        .write(|mut tx| async move {
            let spent = call.client.spend(&mut tx).await?;
            if !refresh_token::move_answer(&mut tx, presented, answered_at, block, call.now).await? {
                return Err(Undone::LostRace);
            }
            if !refresh_token::supersede(&mut tx, &live.hash, call.now).await? {
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
