//! Step "token": remembered, good or bad, or verified. A block of addresses that sent too many forged tokens hears 429 instead of 401 for
//! more of them, and of tokens with wrong signatures only so many are looked at each second; a good token hears neither 401 nor 429 for what its
//! neighbours did (docs/decisions/0004), unless somebody else must be asked about it first.

use super::Pipeline;
use crate::{
    bearer::{extract::NoToken, guesser::Guesser, not_identified::NotIdentified},
    identification::identify::Identified,
    refusal::Refusal,
};
use http::request::Parts;
use shared::{
    clock::UnixSeconds,
    http::ClientAddress,
    rate_limit::RateDecision,
    trace::{SpanKind, begin},
};
use std::time::Duration;
use tokio::time::Instant;

/// Who hears that a token was not looked at hears it no sooner after the request: many times what a look at a signature takes, so that time does not
/// tell whether there was one, and so whose name is known here.
pub const UNTRIED_AFTER: Duration = Duration::from_millis(2);

impl Pipeline {
    /// The text of the caller's token.
    pub(super) fn text_of<'p>(&self, parts: &'p Parts) -> Result<&'p str, Refusal> {
        self.identify.text(parts).map_err(refusal)
    }

    /// The caller's token.
    pub(super) async fn identify_caller(&self, parts: &Parts, now: UnixSeconds) -> Result<Identified, Refusal> {
        let text = self.text_of(parts)?;
        let digest = match self.identify.remembered(text, now) {
            Ok(identified) => {
                self.metrics.cache_hits.increment();
                return Ok(identified);
            }
            Err(digest) => digest,
        };
        let block = parts.extensions.get::<ClientAddress>().map(|address| address.block());
        let guesser = block.map(|block| Guesser::new(self.failures.clone(), self.signatures.clone(), block));
        let begun = Instant::now();
        let cause = if let Some(refusal) = self.identify.refused.recall(&digest, now) {
            NotIdentified::Unfit(refusal)
        } else {
            self.metrics.cache_misses.increment();
            if let Some(guesser) = &guesser
                && self.identify.issuers.would_ask(text, &digest, now)
            {
                refuse(guesser.refusal().await)?;
            }
            // A future of kilobytes, in a box so that it is not moved about with requests that need none of it.
            let verified = Box::pin(self.identify.verify(text, digest, guesser.as_ref(), now));
            match begin("verify a token", SpanKind::Internal).run(verified).await {
                Ok(identified) => return Ok(identified),
                Err(cause) => cause,
            }
        };
        if cause == NotIdentified::Untried {
            tokio::time::sleep_until(begun + UNTRIED_AFTER).await;
        }
        if let Some(guesser) = guesser.filter(|_| cause.is_guess()) {
            refuse(guesser.pay().await)?;
        }
        Err(refusal(cause))
    }
}

/// With 429, where a budget is used up.
fn refuse(spent: Option<RateDecision>) -> Result<(), Refusal> {
    spent.map_or(Ok(()), |counted| Err(Refusal::TooManyFailures { counted }))
}

fn refusal(cause: NotIdentified) -> Refusal {
    match cause {
        NotIdentified::NoToken(NoToken::Missing) => Refusal::NoToken,
        NotIdentified::NoToken(NoToken::Malformed) => invalid("it is no token"),
        NotIdentified::NoToken(NoToken::TwoMethods) => Refusal::TwoTokens,
        NotIdentified::Refused(cause) | NotIdentified::Unfit(cause) => {
            tracing::info!(%cause, "a token is refused");
            Refusal::InvalidToken
        }
        NotIdentified::WithdrawnKey => invalid("its key was withdrawn"),
        NotIdentified::Inactive => invalid("its issuer says that it is over"),
        NotIdentified::Unknown => invalid("its issuer does not know it"),
        NotIdentified::Declined | NotIdentified::NotNow => Refusal::Unavailable,
        NotIdentified::NotYet => Refusal::UnknownKey,
        NotIdentified::Untried => Refusal::NotTried,
        NotIdentified::Spent(counted) => Refusal::TooManyFailures { counted },
    }
}

/// All of these look alike from outside; the log says which it was.
fn invalid(cause: &'static str) -> Refusal {
    tracing::info!(cause, "a token is refused");
    Refusal::InvalidToken
}
