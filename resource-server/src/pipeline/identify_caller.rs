//! Step "token": remembered, or verified within the budget of failures of the sender's block of addresses.

use super::Pipeline;
use crate::{
    bearer::{
        extract::NoToken,
        identify::{Identified, NotIdentified, is_forged},
    },
    refusal::Refusal,
};
use http::request::Parts;
use shared::{clock::UnixSeconds, http::ClientAddress};

impl Pipeline {
    /// The caller's token and its text.
    pub(super) async fn identify_caller<'p>(
        &self,
        parts: &'p Parts,
        now: UnixSeconds,
    ) -> Result<(Identified, &'p str), Refusal> {
        let text = self.identify.text(parts).map_err(refusal)?;
        let digest = match self.identify.remembered(text, now) {
            Ok(identified) => return Ok((identified, text)),
            Err(digest) => digest,
        };
        let block = parts.extensions.get::<ClientAddress>().map(|address| address.block());
        if let Some(block) = block
            && let Some(retry_after_seconds) = self.failures.exhausted(block, now)
        {
            return Err(Refusal::TooManyFailures { retry_after_seconds });
        }
        match self.identify.verify(text, digest, now).await {
            Ok(identified) => Ok((identified, text)),
            Err(cause) => {
                if let (NotIdentified::Refused(cause), Some(block)) = (cause, block)
                    && is_forged(cause)
                {
                    self.failures.count(block, now);
                }
                Err(refusal(cause))
            }
        }
    }
}

fn refusal(cause: NotIdentified) -> Refusal {
    match cause {
        NotIdentified::NoToken(NoToken::Missing) => Refusal::NoToken,
        NotIdentified::NoToken(NoToken::Malformed) => Refusal::InvalidToken,
        NotIdentified::NoToken(NoToken::TwoMethods) => Refusal::TwoTokens,
        NotIdentified::Refused(cause) => {
            tracing::debug!(%cause, "a token is refused");
            Refusal::InvalidToken
        }
        NotIdentified::NoKeys => Refusal::Unavailable,
    }
}
