//! Revocation: what is known of a token here, and the word of whoever made it where that does not suffice.

use super::{Caller, Pipeline};
use crate::{
    identification::check_revocation::{Distrust, Doubt},
    refusal::Refusal,
};
use http::request::Parts;

impl Pipeline {
    /// Asks whoever made the caller's token about it, where that is in doubt.
    pub(super) async fn settle_doubt(
        &self,
        doubt: Option<Doubt>,
        caller: &mut Caller,
        parts: &Parts,
    ) -> Result<(), Refusal> {
        let Some(doubt) = doubt else { return Ok(()) };
        let text = self.text_of(parts)?;
        // In a box as all that not every request needs.
        caller.trust = Box::pin(doubt.settle(&caller.identified, text)).await.map_err(refuse_distrusted)?;
        Ok(())
    }
}

/// The token stays remembered: whoever sends it again is refused without a look at its signature.
pub(super) fn refuse_distrusted(distrust: Distrust) -> Refusal {
    match distrust {
        Distrust::Revoked => {
            tracing::info!(cause = "it was revoked", "a token is refused");
            Refusal::InvalidToken
        }
        Distrust::Unknowable => Refusal::Unavailable,
    }
}
