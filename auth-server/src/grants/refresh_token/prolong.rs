//! Rule 2 for clients that sign: a live token of a `private_key_jwt` client goes on instead of being replaced. It is worth nothing
//! without the client's key, so rotation would detect no thief, and could only lose an answer (RFC 9700 §2.2.2).

use super::{Outcome, Presentation, Undone};
use crate::{clients::AuthMethod, grants::GrantRefusal, store::refresh_token};

/// Whether the client proves by a key that the token is its own.
pub(super) fn is_bound_to_a_key(presentation: &Presentation<'_>) -> bool {
    presentation.call.client.client.auth_method == AuthMethod::PrivateKeyJwt
}

/// Moves the token's idle end, as its replacement would.
///
/// # Errors
/// The store decided nothing.
pub(super) async fn prolong(presentation: &Presentation<'_>) -> Result<Outcome, GrantRefusal> {
    let (app, call, stored) = (presentation.app, presentation.call, &presentation.stored);
    let idle_end = stored.grant.expires_at.min(call.now + app.lifetimes.refresh_idle_seconds);
    let (presented, block) = (&presentation.token.hash(), presentation.block.as_deref());
    let done = app
        .store
        .write(|mut tx| async move {
            let spent = call.client.spend(&mut tx).await?;
            let stands = refresh_token::prolong(&mut tx, presented, idle_end, block, call.now).await?;
            if stands { Ok(spent) } else { Err(Undone::LostRace) }
        })
        .await;
    match done {
        Ok(spent) => Ok(Outcome::Answered(presentation.token.clone(), spent)),
        Err(undone) => undone.outcome(),
    }
}
